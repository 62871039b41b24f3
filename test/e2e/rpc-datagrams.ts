const SM_BYTES = 392;
const CLIENT = 16;
const SERVER = 204;
// Inside an endpoint.
const HOST = 4;
const PORT = 132;
const RPC_ID = 134;
const SESSION = 136;
const ROUTING = 138;
// Inside routing info.
const IPV4 = 8;
const DATA_PORT = 12;
const RX_QUEUE = 14;
const RETA_SIZE = 16;
const CONNECT = 3;
const DISCONNECT = 5;

/** A connect request as upstream sends it, from a client on loopback. */
function connectRequest(serverPort: number, token: number): Buffer {
  const bytes = Buffer.alloc(SM_BYTES);
  bytes.writeUInt32LE(CONNECT, 0);
  bytes.writeBigUInt64LE(BigInt(token), 8);
  for (const [at, port] of [
    [CLIENT, 9],
    [SERVER, serverPort],
  ] as const) {
    bytes.writeUInt32LE(2, at);
    bytes.write('127.0.0.1', at + HOST, 'latin1');
    bytes.writeUInt16LE(port, at + PORT);
  }
  bytes.writeUInt16LE(token, CLIENT + SESSION);
  bytes.writeUInt16LE(0xffff, SERVER + SESSION);
  bytes.writeUInt32LE(0x7f00_0001, CLIENT + ROUTING + IPV4);
  bytes.writeUInt16LE(10_000, CLIENT + ROUTING + DATA_PORT);
  bytes.writeUInt16LE(128, CLIENT + ROUTING + RETA_SIZE);
  return bytes;
}

/** What ends a process of upstream's, each by a name; a request of a strange type is sent apart. */
export function fatalDatagrams(serverPort: number): Record<string, Buffer> {
  const changed = (token: number, change: (bytes: Buffer) => void): Buffer => {
    const bytes = connectRequest(serverPort, token);
    change(bytes);
    return bytes;
  };
  const ping = (type: number, rpcId: number) =>
    changed(rpcId + 1, (bytes) => {
      bytes.writeUInt32LE(type, 0);
      bytes.writeUInt8(rpcId, CLIENT + RPC_ID);
      bytes.writeUInt8(rpcId, SERVER + RPC_ID);
    });
  return {
    'too short': Buffer.alloc(100, 3),
    empty: Buffer.alloc(0),
    'too long': Buffer.alloc(1_000, 3),
    'an unknown type': changed(1, (bytes) => bytes.writeUInt32LE(99, 0)),
    'a heartbeat': ping(1, 255),
    'a ping': ping(1, 0),
    'an answer to a ping': ping(2, 0),
    'a table of no entries': changed(2, (bytes) =>
      bytes.writeUInt16LE(0, CLIENT + ROUTING + RETA_SIZE),
    ),
    'a queue that is not there': changed(3, (bytes) =>
      bytes.writeUInt16LE(99, CLIENT + ROUTING + RX_QUEUE),
    ),
    'the end of a session that never was': changed(4, (bytes) => {
      bytes.writeUInt32LE(DISCONNECT, 0);
      bytes.writeUInt16LE(500, SERVER + SESSION);
    }),
    'a host without an end': changed(5, (bytes) => bytes.fill(0x41, CLIENT + HOST, CLIENT + PORT)),
  };
}
