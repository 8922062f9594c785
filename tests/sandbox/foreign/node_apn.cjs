// Sends with @parse/node-apn.
const apn = require("@parse/node-apn");
const { answerTo } = require("./ask.cjs");

answerTo(async ({ apns, port, ca, tokens }) => {
  const token = { key: apns.key_p8, keyId: apns.key_id, teamId: apns.team_id };
  const provider = new apn.Provider({ token, address: "localhost", port, ca: [ca], production: false });
  const note = new apn.Notification({ alert: { title: "Hi", body: "There" }, topic: apns.topic, payload: { nid: "n1" } });
  note.pushType = "alert";
  note.collapseId = "n1";
  const result = await provider.send(note, tokens);
  await provider.shutdown();
  return {
    sent: result.sent.map(({ device }) => device),
    failed: result.failed.map(({ device, status, response, error }) => [device, status, response?.reason ?? String(error)]),
  };
});
