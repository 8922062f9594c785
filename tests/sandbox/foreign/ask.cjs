// One question as JSON on standard input, one answer as JSON on the last line of standard output.
exports.answerTo = async (respond) => {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  try {
    console.log(JSON.stringify(await respond(JSON.parse(text))));
  } catch (error) {
    console.log(JSON.stringify({ code: error.code ?? error.errorInfo?.code, text: String(error.message ?? error) }));
  }
  process.exit(0);
};
