# Runs a command at a terminal of its own and types into it: argv[1] is JSON, a list of steps {"expect": text that has to
# be seen, "type": text to type then, or "signal": number of a signal to send}; the rest is the command. Prints JSON: what
# the terminal showed, the exit code, and whether it echoes again.
import json
import os
import pty
import select
import sys
import termios

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

shown, position = b"", 0


def read(timeout):
    global shown
    if not select.select([terminal], [], [], timeout)[0]:
        return False
    try:
        part = os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side is closed
        part = b""
    shown += part
    return len(part) > 0


for step in steps:
    expected = step["expect"].encode()
    while expected not in shown[position:]:
        if not read(60):
            sys.exit("did not see %r, but %r" % (step["expect"], shown))
    position = shown.index(expected, position) + len(expected)
    if "signal" in step:
        os.kill(pid, step["signal"])
    else:
        os.write(terminal, step["type"].encode())
while read(60):
    pass
status = os.waitpid(pid, 0)[1]
echo = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
print(json.dumps({"shown": shown.decode(), "code": os.waitstatus_to_exitcode(status), "echo": echo}))
