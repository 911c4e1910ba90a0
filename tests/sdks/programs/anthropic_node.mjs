// Anthropic's SDK for Node: messages.
import Anthropic from "@anthropic-ai/sdk";
import { SECRET, report, statusOf } from "./reported.mjs";

const [url, model] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const asked = { model, max_tokens: 4096, messages: [{ role: "user", content: "Hello!" }] };
const schema = {
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
};

function textOf(message) {
  return message.content.filter((block) => block.type === "text").map((block) => block.text).join("");
}

async function tools(streamed) {
  const input_schema = { type: "object", properties: { city: { type: "string" } } };
  const withTools = {
    ...asked,
    tools: [{ name: "weather", input_schema }],
    thinking: { type: "enabled", budget_tokens: 2048 },
  };
  const message = streamed
    ? await client.messages.stream(withTools).finalMessage()
    : await client.messages.create(withTools);
  const use = message.content.find((block) => block.type === "tool_use");
  const result = { type: "tool_result", tool_use_id: use.id, content: "rain" };
  const said = { role: "assistant", content: message.content };
  const messages = [...asked.messages, said, { role: "user", content: [result] }];
  const again = await client.messages.create({ ...withTools, messages });
  return [use.name, JSON.stringify(use.input), textOf(again)];
}

await report({
  chat: async () => textOf(await client.messages.create(asked)),
  stream: async () => {
    let text = "";
    const events = client.messages.stream(asked).on("text", (piece) => (text += piece));
    await events.finalMessage();
    return text;
  },
  tools: () => tools(false),
  streamed_tools: () => tools(true),
  structured: async () => {
    const output_config = { format: { type: "json_schema", schema } };
    return JSON.parse(textOf(await client.messages.create({ ...asked, output_config })));
  },
  usage: async () => {
    const { usage } = await client.messages.create(asked);
    return [usage.input_tokens, usage.output_tokens];
  },
  streamed_usage: async () => {
    const { usage } = await client.messages.stream(asked).finalMessage();
    return [usage.input_tokens, usage.output_tokens];
  },
  unknown: () => statusOf(client.messages.create({ ...asked, model: "nothing" })),
  denied: () => statusOf(client.messages.create(asked, { headers: SECRET })),
  models: async () => {
    for await (const each of client.models.list()) if (each.id === "first") return true;
    return false;
  },
  counted: async () =>
    (await client.messages.countTokens({ model, messages: asked.messages })).input_tokens > 0,
});
