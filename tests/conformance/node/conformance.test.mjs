// The official TypeScript client, unmodified, with its address and key only: `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.env.OVERNIGHT_URL, apiKey: process.env.OVERNIGHT_API_KEY });
const { agents, environments, sessions } = client.beta;

const MODEL = "claude-haiku-4-5";
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const EVENT_ID = /^sevt_[0-9a-f]{32}$/;
const LOOK_UP = {
  type: "custom",
  name: "look_up",
  description: "Looks up.",
  input_schema: { type: "object", properties: { q: { type: "string" } }, required: ["q"] },
};
const COUNT = { ...LOOK_UP, name: "count", description: "Counts." };
const ask = { type: "always_ask" };
const FILES = {
  type: "agent_toolset_20260401",
  default_config: { enabled: false },
  configs: [{ name: "write", enabled: true, permission_policy: ask }],
};

const says = (text) => ({ type: "user.message", content: [{ type: "text", text }] });
const script = (...replies) => says(`[[sim script=${JSON.stringify(JSON.stringify(replies))}]]`);
const call = (name, input) => ({ type: "tool_use", name, input });
const text = (words) => ({ type: "text", text: words });

async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

/** The record once it has such an event. */
async function once(session, isWanted) {
  const ends = Date.now() + 60_000;
  for (;;) {
    const record = await all(sessions.events.list(session.id));
    if (record.some(isWanted)) return record;
    assert.ok(Date.now() < ends, `it did not come: ${record.map((event) => event.type)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The record once the session has come to rest for this reason. */
const idle = (session, reason) =>
  once(session, (event) => event.type === "session.status_idle" && event.stop_reason.type === reason);

const begin = (agent, ...initial_events) =>
  sessions.create({ agent, environment_id: "env_default", initial_events, title: "T", metadata: { k: "v" } });

test("an agent and its versions", async () => {
  const tools = [LOOK_UP, COUNT, FILES];
  const made = await agents.create({ name: "Clerk", model: MODEL, system: "S", tools, metadata: { k: "v" } });
  assert.equal(made.type, "agent");
  assert.equal(made.version, 1);
  assert.deepEqual(made.model, { id: MODEL });
  assert.deepEqual([made.name, made.system, made.description], ["Clerk", "S", null]);
  assert.deepEqual(made.tools.slice(0, 2), [LOOK_UP, COUNT]);
  assert.equal(made.tools[2].configs[0].permission_policy.type, "always_ask");
  assert.match(made.created_at, TIME);
  assert.equal(made.archived_at, null);
  assert.deepEqual(await agents.retrieve(made.id), made);
  const changed = await agents.update(made.id, { version: 1, system: null });
  assert.deepEqual([changed.version, changed.system], [2, null]);
  const versions = await all(agents.versions.list(made.id, { limit: 1 }));
  assert.deepEqual(versions.map((each) => each.version), [2, 1]);
  await assert.rejects(agents.update(made.id, { version: 1, name: "Cook" }), Anthropic.ConflictError);
  assert.match((await agents.archive(made.id)).archived_at, TIME);
});

test("an environment", async () => {
  const made = await environments.create({ name: "Lab", config: { type: "self_hosted" }, metadata: { k: "v" } });
  assert.deepEqual([made.type, made.name, made.config.type], ["environment", "Lab", "self_hosted"]);
  assert.deepEqual(await environments.retrieve(made.id), made);
  const ids = (await all(environments.list({ limit: 1 }))).map((each) => each.id);
  assert.ok(ids.includes(made.id));
  assert.match((await environments.archive(made.id)).archived_at, TIME);
  assert.deepEqual(await environments.delete(made.id), { id: made.id, type: "environment_deleted" });
});

test("custom tools and a confirmation are answered", async () => {
  const agent = await agents.create({ name: "Clerk", model: MODEL, tools: [LOOK_UP, COUNT, FILES] });
  const calls = [call("look_up", { q: "x" }), call("write", { file_path: "n.txt", content: "n" })];
  const session = await begin(agent.id, script(calls, [text("Done.")]));
  assert.deepEqual([session.type, session.status, session.title], ["session", "running", "T"]);
  assert.deepEqual(session.metadata, { k: "v" });
  assert.deepEqual([session.agent.id, session.agent.version, session.environment_id], [agent.id, 1, "env_default"]);
  const asked = await idle(session, "requires_action");
  const custom = asked.find((event) => event.type === "agent.custom_tool_use");
  const write = asked.find((event) => event.type === "agent.tool_use");
  assert.deepEqual([custom.name, custom.input], ["look_up", { q: "x" }]);
  assert.deepEqual([write.name, write.evaluated_permission], ["write", "ask"]);
  assert.deepEqual(asked.at(-1).stop_reason, { type: "requires_action", event_ids: [custom.id, write.id] });
  const sent = await sessions.events.send(session.id, {
    events: [
      { type: "user.custom_tool_result", custom_tool_use_id: custom.id, content: [text("found")] },
      { type: "user.tool_confirmation", tool_use_id: write.id, result: "allow" },
    ],
  });
  assert.deepEqual(sent.data.map((event) => event.type), ["user.custom_tool_result", "user.tool_confirmation"]);
  for (const event of sent.data) assert.match(event.id, EVENT_ID);
  const record = await idle(session, "end_turn");
  const result = record.find((event) => event.type === "agent.tool_result");
  assert.deepEqual([result.tool_use_id, result.is_error], [write.id, false]);
  assert.deepEqual(record.findLast((event) => event.type === "agent.message").content, [text("Done.")]);
  for (const event of record) {
    assert.match(event.id, EVENT_ID);
    assert.match(event.processed_at, TIME);
  }
  assert.equal(new Set(record.map((event) => event.id)).size, record.length);
  const newest = await all(sessions.events.list(session.id, { order: "desc", limit: 2 }));
  assert.deepEqual(newest.reverse(), record);
});

test("the stream is the list, and its deltas are the message", async () => {
  const session = await begin("agent_default");
  const words = "One two three four five six.";
  const stream = await sessions.events.stream(session.id, { event_deltas: ["agent.message"] });
  await sessions.events.send(session.id, { events: [says(`[[sim reply="${words}" deltas=5 latency=1]] Hello.`)] });
  const told = [];
  let started;
  let preview = "";
  for await (const event of stream) {
    if (event.type === "event_start") started = event.event;
    else if (event.type === "event_delta") preview += event.delta.content.text;
    else told.push(event);
    if (event.type === "session.status_idle") break;
  }
  const message = told.find((event) => event.type === "agent.message");
  assert.equal(message.content[0].text, words);
  assert.deepEqual(started, { type: "agent.message", id: message.id });
  assert.ok(preview && words.startsWith(preview), preview);
  const record = await all(sessions.events.list(session.id));
  assert.deepEqual(told.map((event) => event.id), record.map((event) => event.id));
});

test("an interrupt", async () => {
  const session = await begin("agent_default", says("[[sim hang]] Hello."));
  await once(session, (event) => event.type === "span.model_request_start");
  const sent = await sessions.events.send(session.id, { events: [says("Next."), { type: "user.interrupt" }] });
  assert.equal(sent.data[0].processed_at, null);
  const record = await idle(session, "end_turn");
  assert.ok(record.some((event) => event.type === "user.interrupt"));
  assert.equal((await sessions.retrieve(session.id)).status, "idle");
});

test("lists page by themselves, and sessions end", async () => {
  const agent = await agents.create({ name: "Clerk", model: MODEL });
  const made = [];
  for (let n = 0; n < 5; n += 1) made.push((await begin(agent.id)).id);
  const listed = await all(sessions.list({ agent_id: agent.id, limit: 2, statuses: ["idle"] }));
  assert.deepEqual(listed.map((each) => each.id), made.toReversed());
  const oldest = await all(sessions.list({ agent_id: agent.id, limit: 2, order: "asc" }));
  assert.deepEqual(oldest.map((each) => each.id), made);
  const changed = await sessions.update(made[0], { title: "U", metadata: { k: null } });
  assert.deepEqual([changed.title, changed.metadata], ["U", {}]);
  const archived = await sessions.archive(made[0]);
  assert.equal(archived.status, "terminated");
  assert.match(archived.archived_at, TIME);
  assert.deepEqual(await sessions.delete(made[0]), { id: made[0], type: "session_deleted" });
  await assert.rejects(sessions.retrieve(made[0]), Anthropic.NotFoundError);
});

test("each failure has its class", async () => {
  const stranger = new Anthropic({ baseURL: process.env.OVERNIGHT_URL, apiKey: "wrong" });
  await assert.rejects(stranger.beta.sessions.list(), Anthropic.AuthenticationError);
  await assert.rejects(agents.retrieve("agent_0"), Anthropic.NotFoundError);
  const refused = await agents.create({ name: "Clerk", model: MODEL, skills: [] }).catch((error) => error);
  assert.ok(refused instanceof Anthropic.BadRequestError);
  assert.equal(refused.status, 400);
  assert.equal(refused.error.error.type, "invalid_request_error");
  assert.match(refused.message, /skills/);
  assert.match(refused.requestID, /^req_/);
});
