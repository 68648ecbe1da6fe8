/**
 * The project's own lint rules: who may touch native memory, which way imports point, and how error
 * messages are worded.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { mayTouchMemory, whyNotImport } from "./layers.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const NATIVE_MEMBER = /^(?:dlopen|Unsafe\w+)$/;

const ERROR_CLASSES: ReadonlySet<string> = new Set([
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "FFmpegError",
  "LibraryError",
]);

const CONTRACTION =
  /\b(?:\w+n['’]t|\w+['’](?:re|ve|ll|d|m)|(?:it|that|there|here|what|who|let|he|she)['’]s)\b/i;

type Expression = Deno.lint.Expression;

/** A message as far as it can be read from the code. */
interface Message {
  readonly text: string;
  /** Whether a value comes before, or after, the text. */
  readonly startsWithValue: boolean;
  readonly endsWithValue: boolean;
}

const ffiWall: Deno.lint.Rule = {
  create(context) {
    if (mayTouchMemory(pathOf(context))) return {};
    const report = (node: Deno.lint.Node, name: string) =>
      context.report({
        node,
        message: `Deno.${name} outside ffi/`,
        hint: "ffi/ is the only place that knows addresses: give it a function that does this",
      });
    return {
      MemberExpression(node) {
        const name = memberName(node);
        if (isDeno(node.object) && NATIVE_MEMBER.test(name)) report(node, name);
      },
      TSQualifiedName(node) {
        const isOfDeno = node.left.type === "Identifier" && node.left.name === "Deno";
        if (isOfDeno && NATIVE_MEMBER.test(node.right.name)) report(node, node.right.name);
      },
      VariableDeclarator(node) {
        if (node.id.type !== "ObjectPattern" || !node.init || !isDeno(node.init)) return;
        for (const property of node.id.properties) {
          if (property.type !== "Property" || property.key.type !== "Identifier") continue;
          if (NATIVE_MEMBER.test(property.key.name)) report(property, property.key.name);
        }
      },
    };
  },
};

const importDirection: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context);
    const check = (source: Deno.lint.Node | null | undefined) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const message = whyNotImport(path, source.value);
      if (message) context.report({ node: source, message, hint: "See tools/layers.ts" });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
    };
  },
};

const errorMessage: Deno.lint.Rule = {
  create(context) {
    // Tests throw whatever they like.
    if (pathOf(context).startsWith("tests/")) return {};
    return {
      NewExpression(node) {
        if (node.callee.type !== "Identifier" || !ERROR_CLASSES.has(node.callee.name)) return;
        const [argument] = node.arguments;
        if (!argument || argument.type === "SpreadElement") return;
        const message = messageOf(argument);
        if (!message) return;
        for (const problem of problemsOf(message)) {
          context.report({ node: argument, message: `The error message ${problem}` });
        }
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "sluice",
  rules: {
    "ffi-wall": ffiWall,
    "import-direction": importDirection,
    "error-message": errorMessage,
  },
};

export default plugin;

function pathOf(context: Deno.lint.RuleContext): string {
  const path = context.filename;
  const fromRoot = path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
  return fromRoot.replaceAll("\\", "/");
}

function isDeno(node: Expression | Deno.lint.Super): boolean {
  if (node.type === "Identifier") return node.name === "Deno";
  return node.type === "MemberExpression" && memberName(node) === "Deno";
}

function memberName({ property }: Deno.lint.MemberExpression): string {
  if (property.type === "Identifier" || property.type === "PrivateIdentifier") return property.name;
  return property.type === "Literal" ? String(property.value) : "";
}

function problemsOf({ text, startsWithValue, endsWithValue }: Message): string[] {
  const problems: string[] = [];
  if (!startsWithValue && !/^[\p{Lu}"]/u.test(text)) {
    problems.push("does not start with a capital letter");
  }
  if (!endsWithValue && /\.\s*$/.test(text)) problems.push("ends with a period");
  const contraction = CONTRACTION.exec(text)?.[0];
  if (contraction) problems.push(`has the contraction "${contraction}"`);
  return problems;
}

/** Reads a message given as a literal, a template, or a sum of such; values count as `x`. */
function messageOf(node: Deno.lint.Node): Message | undefined {
  if (node.type === "Literal" && typeof node.value === "string") {
    return { text: node.value, startsWithValue: false, endsWithValue: false };
  }
  if (node.type === "TemplateLiteral") return templateMessage(node);
  if (node.type === "BinaryExpression" && node.operator === "+") {
    return sumMessage(messageOf(node.left), messageOf(node.right));
  }
  return undefined;
}

function templateMessage({ quasis }: Deno.lint.TemplateLiteral): Message {
  const texts = quasis.map((it) => it.cooked);
  return {
    text: texts.join("x"),
    startsWithValue: texts.length > 1 && texts[0] === "",
    endsWithValue: texts.length > 1 && texts.at(-1) === "",
  };
}

function sumMessage(left?: Message, right?: Message): Message | undefined {
  if (!left && !right) return undefined;
  return {
    text: `${left?.text ?? "x"}${right?.text ?? "x"}`,
    startsWithValue: left?.startsWithValue ?? true,
    endsWithValue: right?.endsWithValue ?? true,
  };
}
