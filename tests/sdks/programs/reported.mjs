// Prints what a client saw, one JSON object a line.

/** Headers with which the policy denies a request. */
export const SECRET = { "x-policy-router-tags": "secret" };

/** Run each check and print its name with what it returned, or what it threw. */
export async function report(checks) {
  for (const [check, run] of Object.entries(checks)) {
    let saw;
    try {
      saw = await run();
    } catch (error) {
      saw = `${error.name}: ${error.message}`;
    }
    console.log(JSON.stringify({ check, saw }));
  }
}

/** The HTTP status of the error that a call ends in. */
export async function statusOf(call) {
  try {
    return `no error, but ${JSON.stringify(await call)}`;
  } catch (error) {
    return error.status;
  }
}
