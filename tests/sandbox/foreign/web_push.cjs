// Sends with the Node web-push library.
const webpush = require("web-push");
const { answerTo } = require("./ask.cjs");

answerTo(async ({ subscription, vapid, payload }) => {
  const vapidDetails = { subject: vapid.subject, publicKey: vapid.public_key, privateKey: vapid.private_key };
  try {
    const answer = await webpush.sendNotification(subscription, payload, { vapidDetails, TTL: 60, topic: "t1", urgency: "high" });
    return { status: answer.statusCode };
  } catch (error) {
    return { status: error.statusCode, text: error.body ?? error.message };
  }
});
