// An ESLint rule: bounds a function's own lines. Those of functions inside it are theirs, so that a closure is measured as a class would be.

const FUNCTIONS = 'FunctionDeclaration, FunctionExpression, ArrowFunctionExpression';

export const ownLines = {
  meta: {
    type: 'suggestion',
    docs: { description: 'bounds the lines of a function, not counting functions inside it' },
    messages: { long: 'This function has {{ lines }} lines of its own; {{ max }} are allowed. Split it where it changes its subject.' },
    schema: [{ type: 'object', properties: { max: { type: 'integer' } }, additionalProperties: false }],
  },
  create(context) {
    const max = context.options[0]?.max ?? 60;
    const open = [];
    return {
      [FUNCTIONS]: () => open.push({ inner: 0 }),
      [`:matches(${FUNCTIONS}):exit`](node) {
        const { inner } = open.pop();
        const all = node.loc.end.line - node.loc.start.line + 1;
        // A function on one line inside another takes no line away from it.
        const outer = open.at(-1);
        if (outer !== undefined) outer.inner += all - 1;
        if (all - inner > max) context.report({ node, messageId: 'long', data: { lines: all - inner, max } });
      },
    };
  },
};
