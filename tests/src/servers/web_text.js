// A gRPC-Web client in base64 for the live tests: the library of browsers.
//
// web_text.js PORT makes one call of each kind, one after another, and prints a JSON line for each.
// Requests and responses are bytes as they are.
global.XMLHttpRequest = require('xhr2');
const { GrpcWebClientBase, MethodDescriptor, MethodType, StatusCode } = require('grpc-web');

const client = new GrpcWebClientBase({ format: 'text' });
const base = `http://127.0.0.1:${process.argv[2]}`;
const service = 'demo.v1.Echo';

function asked(method, kind, content) {
  const plain = (content) => content;
  const described = new MethodDescriptor(`/${service}/${method}`, kind, Buffer, Buffer, plain, plain);
  return new Promise((resolve) => {
    const line = { service, method, code: 'OK', responses: 0, response_bytes: 0 };
    const came = (answer) => {
      line.responses += 1;
      line.response_bytes += answer.length;
    };
    const failed = (error) => (line.code = Object.keys(StatusCode).find((name) => StatusCode[name] === error.code));
    const over = () => {
      console.log(JSON.stringify(line));
      resolve();
    };
    if (kind === MethodType.UNARY) {
      client.rpcCall(`${base}/${service}/${method}`, content, {}, described, (error, answer) => {
        if (error) failed(error);
        else came(answer);
        over();
      });
    } else {
      const stream = client.serverStreaming(`${base}/${service}/${method}`, content, {}, described);
      stream.on('data', came);
      stream.on('error', failed);
      stream.on('end', over);
    }
  });
}

async function ask() {
  const { UNARY, SERVER_STREAMING } = MethodType;
  await asked('Unary', UNARY, Buffer.from('hello'));
  await asked('Fail', UNARY, Buffer.from('hello'));
  await asked('ServerStream', SERVER_STREAMING, Buffer.from('x'.repeat(100)));
  // sonora takes no longer request: it decodes each piece that it reads by itself.
  await asked('Unary', UNARY, Buffer.from('z'.repeat(9000)));
  process.exit(0);
}

ask();
