// What a test's process, the gate outside a node's namespaces and the agent inside them say to each other.

export interface Order {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is taken from the agent's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type Asked =
  /** Given: the process id as the private PID namespace counts. What it prints is appended to `log`. */
  | { readonly ask: 'spawn'; readonly order: Order; readonly log: string }
  | { readonly ask: 'signal'; readonly pid: number; readonly signal: NodeJS.Signals }
  /** Given: `Ran`, once it has ended. */
  | { readonly ask: 'run'; readonly order: Order; readonly input: string }
  /** Given: a port of the host's loopback that leads to `inside`. */
  | { readonly ask: 'reach'; readonly inside: Address }
  /** Given: the port at `inside` (which may ask for port 0) that leads to `hostPort` of the host's loopback. */
  | { readonly ask: 'offer'; readonly inside: Address; readonly hostPort: number };

export interface Question {
  readonly id: number;
  readonly asked: Asked;
}

export type Told =
  | { readonly told: 'answer'; readonly id: number; readonly given?: unknown; readonly thrown?: string }
  /** A spawned process has ended: `exit code 1`, `SIGKILL`. */
  | { readonly told: 'ended'; readonly pid: number; readonly how: string }
  /** The namespaces stand and the agent listens. */
  | { readonly told: 'ready' };

/** From agent to gate, beside a listening socket of the private network that the gate shall serve from the host's. */
export interface Carry {
  readonly told: 'carry';
  readonly hostPort: number;
}

/** From gate to agent, beside a listening socket of the host's network that the agent shall serve from the private one. */
export interface Accept {
  readonly accept: Address;
}

/** What the gate is started with. */
export interface GateOrder {
  /** Of the cluster. */
  readonly folder: string;
  /** Further folders that must stay visible inside. */
  readonly visible: readonly string[];
}
