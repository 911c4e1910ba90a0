// OpenAI's SDK for Node: `chat` completions or `responses`.
import OpenAI from "openai";
import { SECRET, report, statusOf } from "./reported.mjs";

const [url, model, dialect] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Hello!" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };
const schema = {
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
};

const overChat = {
  chat: async () =>
    (await client.chat.completions.create({ model, messages })).choices[0].message.content,
  stream: async () => {
    let text = "";
    for await (const chunk of client.chat.completions.stream({ model, messages }))
      text += chunk.choices[0]?.delta?.content ?? "";
    return text;
  },
  tools: () => chatTools(false),
  streamed_tools: () => chatTools(true),
  structured: async () => {
    const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema } };
    const answer = await client.chat.completions.parse({ model, messages, response_format });
    return JSON.parse(answer.choices[0].message.content);
  },
  usage: async () => {
    const { usage } = await client.chat.completions.create({ model, messages });
    return [usage.prompt_tokens, usage.completion_tokens];
  },
  streamed_usage: async () => {
    const stream_options = { include_usage: true };
    const usage = await client.chat.completions.stream({ model, messages, stream_options }).totalUsage();
    return [usage.prompt_tokens, usage.completion_tokens];
  },
  unknown: () => statusOf(client.chat.completions.create({ model: "nothing", messages })),
  denied: () => statusOf(client.chat.completions.create({ model, messages }, { headers: SECRET })),
};

async function chatTools(streamed) {
  const tools = [{ type: "function", function: { name: "weather", parameters } }];
  const asked = { model, messages, tools };
  const answer = streamed
    ? await client.chat.completions.stream(asked).finalChatCompletion()
    : await client.chat.completions.create(asked);
  const { message } = answer.choices[0];
  const [call] = message.tool_calls;
  const result = { role: "tool", tool_call_id: call.id, content: "rain" };
  const again = await client.chat.completions.create({ ...asked, messages: [...messages, message, result] });
  return [call.function.name, call.function.arguments, again.choices[0].message.content];
}

const overResponses = {
  chat: async () => (await client.responses.create({ model, input: "Hello!" })).output_text,
  stream: async () => {
    let text = "";
    for await (const event of client.responses.stream({ model, input: "Hello!" }))
      if (event.type === "response.output_text.delta") text += event.delta;
    return text;
  },
  tools: () => responsesTools(false),
  streamed_tools: () => responsesTools(true),
  structured: async () => {
    const text = { format: { type: "json_schema", name: "city", strict: true, schema } };
    return (await client.responses.parse({ model, input: "Hello!", text })).output_parsed;
  },
  usage: async () => {
    const { usage } = await client.responses.create({ model, input: "Hello!" });
    return [usage.input_tokens, usage.output_tokens];
  },
  streamed_usage: async () => {
    const { usage } = await client.responses.stream({ model, input: "Hello!" }).finalResponse();
    return [usage.input_tokens, usage.output_tokens];
  },
  unknown: () => statusOf(client.responses.create({ model: "nothing", input: "Hello!" })),
  denied: () => statusOf(client.responses.create({ model, input: "Hello!" }, { headers: SECRET })),
};

async function responsesTools(streamed) {
  const tools = [{ type: "function", name: "weather", parameters, strict: false }];
  const asked = { model, input: messages, tools };
  const answer = streamed
    ? await client.responses.stream(asked).finalResponse()
    : await client.responses.create(asked);
  const call = answer.output.find((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: "rain" };
  const again = await client.responses.create({ ...asked, input: [...messages, ...answer.output, result] });
  return [call.name, call.arguments, again.output_text];
}

await report(dialect === "responses" ? overResponses : overChat);
