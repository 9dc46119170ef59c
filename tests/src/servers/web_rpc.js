// A gRPC-Web server and client for the live tests: Connect for Node.
//
// web_rpc.js serve PORT 1.1|2 prints a JSON line for every call it has answered, with the number of
// messages each way and their bytes; it speaks HTTP/1.1, or HTTP/2 with prior knowledge.
// web_rpc.js ask PORT 1.1|2 proto|json makes one call of each kind, one after another, and prints a JSON
// line for each.
//
// Requests and responses are google.protobuf.BytesValue. Methods of demo.v1.Echo are those of rpc.py.
const http = require('http');
const http2 = require('http2');
const { create, createFileRegistry, toBinary, toJsonString } = require('@bufbuild/protobuf');
const wkt = require('@bufbuild/protobuf/wkt');
const { Code, ConnectError, createClient } = require('@connectrpc/connect');
const { compressionGzip, connectNodeAdapter, createGrpcWebTransport } = require('@connectrpc/connect-node');

const type = '.google.protobuf.BytesValue';
const method = (name, clientStreaming, serverStreaming) => ({
  name, inputType: type, outputType: type, clientStreaming, serverStreaming,
});
const file = create(wkt.FileDescriptorProtoSchema, {
  name: 'demo.proto', package: 'demo.v1', syntax: 'proto3',
  dependency: ['google/protobuf/wrappers.proto'],
  service: [{
    name: 'Echo',
    method: [
      method('Unary', false, false), method('Fail', false, false), method('Missing', false, false),
      method('ServerStream', false, true), method('ClientStream', true, false),
    ],
  }],
});
const set = create(wkt.FileDescriptorSetSchema, { file: [wkt.file_google_protobuf_wrappers.proto, file] });
const Echo = createFileRegistry(set).getService('demo.v1.Echo');
const message = (content) => create(wkt.BytesValueSchema, { value: Buffer.from(content) });

function tell(line) {
  console.log(JSON.stringify({ service: Echo.typeName, ...line }));
}

// === the server ===

class Call {
  constructor(method, context) {
    this.line = { method, code: 'OK', requests: 0, request_bytes: 0, responses: 0, response_bytes: 0 };
    this.isJson = context.requestHeader.get('content-type').endsWith('json');
  }

  size(message) {
    const schema = wkt.BytesValueSchema;
    return this.isJson ? Buffer.byteLength(toJsonString(schema, message)) : toBinary(schema, message).length;
  }

  take(message) {
    this.line.requests += 1;
    this.line.request_bytes += this.size(message);
    return Buffer.from(message.value);
  }

  give(content) {
    const answer = message(content);
    this.line.responses += 1;
    this.line.response_bytes += this.size(answer);
    return answer;
  }

  over() {
    tell(this.line);
  }
}

function routes(router) {
  router.service(Echo, {
    unary(request, context) {
      const call = new Call('Unary', context);
      const content = call.take(request);
      const answer = call.give(Buffer.concat([content, content]));
      call.over();
      return answer;
    },
    fail(request, context) {
      const call = new Call('Fail', context);
      call.take(request);
      call.line.code = 'NOT_FOUND';
      call.over();
      throw new ConnectError('no such thing', Code.NotFound);
    },
    async *serverStream(request, context) {
      const call = new Call('ServerStream', context);
      const content = call.take(request);
      for (let number = 0; number < 5; number++) yield call.give(content);
      call.over();
    },
    async clientStream(requests, context) {
      const call = new Call('ClientStream', context);
      const contents = [];
      for await (const request of requests) contents.push(call.take(request));
      const answer = call.give(Buffer.concat(contents));
      call.over();
      return answer;
    },
  });
}

function serve(port, version) {
  const handle = connectNodeAdapter({ routes, connect: false, grpc: false });
  const server = version === '2' ? http2.createServer(handle) : http.createServer(handle);
  server.listen(Number(port), '127.0.0.1');
}

// === the client ===

async function asked(method, make) {
  const answers = [];
  let code = 'OK';
  try {
    const answer = await make();
    if (answer[Symbol.asyncIterator]) for await (const one of answer) answers.push(one);
    else answers.push(answer);
  } catch (error) {
    code = Code[ConnectError.from(error).code].replace(/(?!^)([A-Z])/g, '_$1').toUpperCase();
  }
  const bytes = answers.reduce((sum, answer) => sum + answer.value.length, 0);
  tell({ method, code, responses: answers.length, response_bytes: bytes });
}

async function* several(contents) {
  for (const content of contents) yield message(content);
}

async function ask(port, version, format) {
  const options = { baseUrl: `http://127.0.0.1:${port}`, httpVersion: version, useBinaryFormat: format === 'proto' };
  // One connection: another would be closed late.
  options.nodeOptions = version === '2' ? undefined : { agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
  const plain = createClient(Echo, createGrpcWebTransport({ ...options, acceptCompression: [] }));
  const gzip = { acceptCompression: [compressionGzip], sendCompression: compressionGzip, compressMinBytes: 1 };
  const zipped = createClient(Echo, createGrpcWebTransport({ ...options, ...gzip }));
  await asked('Unary', () => plain.unary(message('hello')));
  await asked('Fail', () => plain.fail(message('hello')));
  await asked('Missing', () => plain.missing(message('hello')));
  await asked('ServerStream', () => plain.serverStream(message('x'.repeat(100))));
  await asked('ClientStream', () => plain.clientStream(several(['a', 'bc', '', 'def'])));
  await asked('Unary', () => plain.unary(message('z'.repeat(100000))));
  await asked('Unary', () => zipped.unary(message('z'.repeat(100000))));
  process.exit(0);
}

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(...words);
else ask(...words);
