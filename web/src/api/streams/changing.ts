/** A stream that is replaced by another when more is wanted of it. */

export type StreamState = 'connecting' | 'open' | 'lost';

/** An `EventSource`, or what a test has for it. */
export interface Source {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: Event) => void): void;
  close(): void;
}

/** What a hub needs of where it runs. */
export interface World {
  readonly open: (path: string) => Source;
  /** Milliseconds since some beginning. */
  readonly clock: () => number;
}

/** `EventSource.CLOSED`: the browser does not try again by itself. */
const CLOSED = 2;

/** A browser gives up on an event stream after some errors (a 502 of a proxy, say); the hub does not. */
const REOPEN_MS = 5000;
/** Several tabs notice at once that the server is back. */
const FRESH_MS = 2000;

interface Stream {
  readonly path: string;
  readonly source: Source;
  readonly openedMs: number;
  isOpen: boolean;
}

/** The one before goes on until the next is open. */
export class ChangingStream {
  private now: Stream | null = null;
  private next: Stream | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly world: World;
  private readonly listen: (source: Source) => void;
  private readonly onState: (state: StreamState) => void;

  constructor(world: World, listen: (source: Source) => void, onState: (state: StreamState) => void) {
    this.world = world;
    this.listen = listen;
    this.onState = onState;
  }

  /** Null closes it. */
  want(path: string | null): void {
    const newest = this.newest();
    if (path === null) this.close();
    // Of one that was refused, who comes now may have signed in.
    else if (path !== newest?.path || newest.source.readyState === CLOSED) this.begin(path);
  }

  /** A stream that was cut off may never notice. */
  again(): void {
    const newest = this.newest();
    if (newest && this.world.clock() - newest.openedMs >= FRESH_MS) this.begin(newest.path);
  }

  isOpenFor(path: string): boolean {
    return this.now?.isOpen === true && this.now.path === path;
  }

  private newest(): Stream | null {
    return this.next ?? this.now;
  }

  private begin(path: string): void {
    clearTimeout(this.timer);
    this.next?.source.close();
    const stream: Stream = {
      path,
      source: this.world.open(path),
      openedMs: this.world.clock(),
      isOpen: false,
    };
    this.next = stream;
    stream.source.addEventListener('open', () => {
      if (this.newest() !== stream) return;
      if (this.now !== stream) this.now?.source.close();
      this.now = stream;
      this.next = null;
      stream.isOpen = true;
      this.onState('open');
    });
    stream.source.addEventListener('error', () => {
      if (this.newest() !== stream) return;
      stream.isOpen = false;
      // One that the server refuses ends the one before as well: both are the same caller's.
      if (this.now !== stream) this.now?.source.close();
      this.now = null;
      this.next = stream;
      this.onState('lost');
      if (stream.source.readyState === CLOSED) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.begin(stream.path), REOPEN_MS);
      }
    });
    this.listen(stream.source);
  }

  private close(): void {
    clearTimeout(this.timer);
    this.now?.source.close();
    this.next?.source.close();
    this.now = null;
    this.next = null;
  }
}
