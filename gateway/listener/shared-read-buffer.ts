// Reads every TCP client into one buffer. Node gives each read a fresh 64 KiB and shrinks it afterwards: with one small
// message a read, that is a fifth of the cost of the message, and memory that fragments. The buffer is free again when
// the 'data' event returns, so whoever listens keeps nothing of a chunk but copies (InboundBytes, FillingBatch).
//
// `net.Server` cannot be told to do so, so the accepted connection's handle moves to a socket that can (net.Socket's
// `onread`). Where a future Node has no such handle, the accepted socket is used as it is: slower, nothing else.

import { Socket } from 'node:net';

interface WithHandle {
  _handle: unknown;
}

const BUFFER_BYTES = 64 * 1024;
const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/**
 * The connection of `accepted`, which must not have been read from (`pauseOnConnect`) and is of no more use. Each chunk
 * of a 'data' event is only good until the event's listeners return. It stays open when the peer has ended; whoever has
 * it ends it.
 */
export function readShared(accepted: Socket): Socket {
  const handle = (accepted as unknown as WithHandle)._handle;
  if (handle === null || handle === undefined) return accepted;
  (accepted as unknown as WithHandle)._handle = null;
  accepted.destroy();
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer,
      callback(bytes: number): boolean {
        socket.emit('data', buffer.subarray(0, bytes));
        return true; // paused or not, the socket knows by itself
      },
    },
  };
  const socket: Socket = new Socket(options as object);
  return socket;
}
