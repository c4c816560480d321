// aedes on a port of loopback: node aedes.cjs PORT
const { createServer } = require("node:net");

// A module that `require` can find but not load.
import(require.resolve("aedes")).then(async ({ Aedes }) => {
  const broker = await Aedes.createBroker();
  createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1");
});
