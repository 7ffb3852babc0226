import { mkdirSync } from 'node:fs';
export function lockDirectory(dir: string) { mkdirSync(dir, { recursive: true }); return { release() {} }; }
