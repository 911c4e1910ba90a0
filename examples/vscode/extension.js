// Starts `policy-router lsp` for the files that are policies.
const { workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const settings = workspace.getConfiguration("policyRouter");
  const server = {
    command: settings.get("command"),
    args: ["lsp"],
    transport: TransportKind.stdio,
  };
  const documents = [{ scheme: "file", language: "yaml", pattern: settings.get("files") }];
  client = new LanguageClient("policy-router", server, { documentSelector: documents });
  return client.start();
};

exports.deactivate = () => client?.stop();
