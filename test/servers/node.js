// node node.js PORT BODY
const http = require("http");
const zlib = require("zlib");
const [port, body] = process.argv.slice(2);

http
  .createServer((request, response) => {
    response.setHeader("X-Client-Port", request.socket.remotePort);
    if (request.url.startsWith("/broken/")) {
      response.writeHead(503, { "Content-Type": "text/html" });
      response.end("<!DOCTYPE html><html><head><title>Closed for today</title></head></html>");
    } else if ((request.headers["accept-encoding"] || "").includes("gzip")) {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Encoding": "gzip" });
      response.end(zlib.gzipSync(body));
    } else {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(body);
    }
  })
  .listen(Number(port), "127.0.0.1");
