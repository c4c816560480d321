// The driver of mqtt.js. The line protocol is described in README.md.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const mqtt = require("mqtt");

const VERSIONS = {
  3.1: { protocolId: "MQIsdp", protocolVersion: 3 },
  "3.1.1": { protocolVersion: 4 },
  "5.0": { protocolVersion: 5 },
};

// More than the server allows is an error; it does not wait.
const WINDOW = 10;

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const answer = (command, result) => say({ id: command.id, result });
const refuse = (command, error) => say({ id: command.id, error: error.message });
const decode = (text) => Buffer.from(text, "base64");

// content_type is contentType here, and User Properties are an object, with lists for names that come again.
function toOwn(properties = {}) {
  const own = {};
  for (const [name, value] of Object.entries(properties)) {
    const camel = name.replace(/_./g, (found) => found[1].toUpperCase());
    if (name === "correlation_data") own[camel] = decode(value);
    else if (name === "payload_format_indicator") own[camel] = value === 1;
    else if (name === "user_property") {
      own.userProperties = {};
      for (const [key, text] of value) (own.userProperties[key] ??= []).push(text);
    } else own[camel] = value;
  }
  return own;
}

function fromOwn(own = {}) {
  const properties = {};
  for (const [camel, value] of Object.entries(own)) {
    const name = camel.replace(/[A-Z]/g, (found) => "_" + found.toLowerCase());
    if (name === "correlation_data") properties[name] = value.toString("base64");
    else if (name === "payload_format_indicator") properties[name] = Number(value);
    else if (name === "subscription_identifier") properties[name] = [value].flat();
    else if (name === "user_properties") {
      properties.user_property = Object.entries(value).flatMap(([key, texts]) => [texts].flat().map((text) => [key, text]));
    } else if (name !== "topic_alias") properties[name] = value;
  }
  return properties;
}

class User {
  constructor(name) {
    this.name = name;
    this.unacknowledged = [];
  }

  connect(command) {
    this.opening = command;
    this.reason = null;
    if (this.client && !command.clean) {
      this.client.reconnect(this.stores);
      return;
    }
    const { will, ca, aliases } = command;
    const version5 = command.version === "5.0";
    const store = () => new mqtt.Store({ clean: false });
    this.stores = { incomingStore: store(), outgoingStore: store() };
    this.client = mqtt.connect({
      ...VERSIONS[command.version],
      protocol: ca ? "mqtts" : "mqtt",
      host: command.host,
      port: command.port,
      clientId: command.client_id,
      clean: command.clean,
      keepalive: command.keep_alive,
      reconnectPeriod: 0,
      ...this.stores,
      // What was subscribed to is the session's to remember.
      resubscribe: false,
      autoUseTopicAlias: aliases,
      autoAssignTopicAlias: aliases,
      ...(ca && { ca: readFileSync(ca) }),
      ...(version5 && { properties: toOwn(command.properties) }),
      ...(will && {
        will: {
          topic: will.topic,
          payload: decode(will.payload),
          qos: will.qos,
          retain: will.retain,
          ...(version5 && { properties: toOwn(will.properties) }),
        },
      }),
    });
    this.version5 = version5;
    this.listen(command.manual_ack);
  }

  listen(manual) {
    this.client.on("connect", (connack) => {
      const reason = connack.reasonCode ?? connack.returnCode;
      this.opened({ session_present: connack.sessionPresent, reason, properties: fromOwn(connack.properties) });
    });
    this.client.on("error", (error) => {
      if (error.code > 0) this.opened({ reason: error.code, properties: {} });
      else if (this.opening) refuse(this.opening, error);
      else console.error(error);
    });
    this.client.on("disconnect", (packet) => (this.reason = packet.reasonCode));
    this.client.on("close", () => say({ client: this.name, event: "closed", reason: this.reason }));
    this.client.on("message", (topic, payload, { qos, retain, properties }) =>
      say({
        client: this.name,
        event: "message",
        topic,
        payload: payload.toString("base64"),
        qos,
        retain,
        properties: fromOwn(properties),
      }),
    );
    if (manual) this.client.handleMessage = (packet, done) => this.unacknowledged.push(done);
  }

  opened(result) {
    if (this.opening) answer(this.opening, result);
    this.opening = null;
  }

  subscribe(command) {
    const [{ filter, qos, no_local, retain_as_published, retain_handling }] = command.filters;
    const options = { qos, nl: no_local, rap: retain_as_published, rh: retain_handling };
    if (this.version5) options.properties = toOwn(command.properties);
    this.client.subscribe(filter, options, (error, granted) =>
      error ? refuse(command, error) : answer(command, { reasons: granted.map(({ qos }) => qos) }),
    );
  }

  unsubscribe(command) {
    this.client.unsubscribe(command.filters, (error, packet) =>
      error ? refuse(command, error) : answer(command, { reasons: packet?.granted ?? [] }),
    );
  }

  publish(command) {
    const [unsent, reasons] = [command.messages.values(), []];
    const next = () => {
      const { done, value } = unsent.next();
      if (done) return;
      const { topic, payload, qos, retain, properties } = value;
      const options = { qos, retain };
      if (this.version5) options.properties = toOwn(properties);
      this.client.publish(topic, decode(payload), options, (error, packet) => {
        if (error) return refuse(command, error);
        reasons.push(packet?.reasonCode ?? 0);
        if (reasons.length === command.messages.length) answer(command, { reasons });
        next();
      });
    };
    for (let i = 0; i < WINDOW; i++) next();
  }

  ack(command) {
    this.unacknowledged.shift()();
    answer(command, {});
  }

  disconnect(command) {
    this.client.end(false, this.version5 ? { reasonCode: command.reason } : {}, () => answer(command, {}));
  }

  close(command) {
    this.client?.removeAllListeners("close");
    this.client?.end(true);
    answer(command, {});
  }
}

const users = new Map();
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (!users.has(command.client)) users.set(command.client, new User(command.client));
    try {
      users.get(command.client)[command.do](command);
    } catch (error) {
      refuse(command, error);
    }
    if (command.do === "close") users.delete(command.client);
  })
  .on("close", () => process.exit());
