// Sends with the official Node firebase-admin over its legacy transport; Google's two hosts are redirected.
const https = require("https");
const { cert, initializeApp } = require("firebase-admin/app");
const { getMessaging } = require("firebase-admin/messaging");
const { answerTo } = require("./ask.cjs");

const GOOGLE = ["fcm.googleapis.com", "www.googleapis.com", "oauth2.googleapis.com"];

// Node's https.request takes (options, done) and (address, options, done); libraries use both.
function redirect(port) {
  const original = https.request;
  https.request = function (first, second, third) {
    const isAddress = typeof first === "string" || first instanceof URL;
    const { hostname, pathname, search } = isAddress ? new URL(first) : first;
    const options = isAddress ? { path: pathname + search, ...second } : first;
    const host = hostname ?? options.hostname ?? options.host;
    if (!GOOGLE.includes(host)) throw new Error(`nobody asked for ${host}`);
    const here = { hostname: "localhost", host: "localhost", port, agent: undefined };
    return original.call(this, { ...options, ...here }, isAddress ? third : second);
  };
}

answerTo(async ({ account, port, message }) => {
  redirect(port);
  const messaging = getMessaging(initializeApp({ credential: cert(account), projectId: account.project_id }));
  messaging.enableLegacyHttpTransport();
  const answer = await messaging.sendEach([message]);
  const [response] = answer.responses;
  return response.success ? { id: response.messageId } : { code: response.error.code, text: response.error.message };
});
