// Calls a method of an `xds:///` target with grpc-js, once for each line on stdin, and prints the
// answers, a line each. Run with the folder of node_modules as the first argument.
const path = require("node:path");
const readline = require("node:readline");

const [modules, target, method] = process.argv.slice(2);
const grpc = require(path.join(modules, "@grpc/grpc-js"));
require(path.join(modules, "@grpc/grpc-js-xds")).register();

const client = new grpc.Client(`xds:///${target}`, grpc.credentials.createInsecure());
const same = (bytes) => bytes;

function call() {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + 10_000 };
    client.makeUnaryRequest(method, same, same, Buffer.alloc(0), options, (error, answer) => {
      resolve(error ? `${grpc.status[error.code]} ${error.details}` : answer.toString());
    });
  });
}

async function main() {
  for await (const _line of readline.createInterface({ input: process.stdin })) {
    console.log((await call()).replaceAll("\n", " "));
  }
  client.close();
}

main();
