/** Every format that takes part in conversions, once; any two of them make a conversion. */
import type { Conversion, WireFormat } from '../../domain/contracts/provider.ts';
import type { Issue } from '../../domain/refusal.ts';
import { err, ok } from '../../domain/result.ts';
import { anthropicMessagesDialect } from './anthropic-messages.ts';
import type { Dialect } from './dialect.ts';
import { geminiGenerateDialect } from './gemini-generate.ts';
import { openaiChatDialect } from './openai-chat.ts';
import { openaiResponsesDialect } from './openai-responses.ts';

/** In the order in which a provider of several formats is spoken to. */
export const DIALECTS: readonly Dialect[] = [
  openaiChatDialect,
  anthropicMessagesDialect,
  geminiGenerateDialect,
  openaiResponsesDialect,
];

const dialectOf = (format: WireFormat): Dialect | null =>
  DIALECTS.find((dialect) => dialect.format === format) ?? null;

/** How a call in `format` reaches a provider that speaks `spoken`; null when none of them can say it. */
export function conversionFor(format: WireFormat, spoken: readonly WireFormat[]): Conversion | null {
  const from = dialectOf(format);
  const to = DIALECTS.find((dialect) => spoken.includes(dialect.format));
  return from && to ? conversionBetween(from, to) : null;
}

export const conversionBetween = (caller: Dialect, provider: Dialect): Conversion => ({
  format: provider.format,
  request(body, to) {
    const issues: Issue[] = [];
    const conversation = caller.parseRequest(body, (path, message) => issues.push({ path, message }));
    if (issues.length > 0) return err(issues);
    const converted = provider.writeRequest(conversation, to, (field, message) =>
      issues.push({ path: caller.fieldNames[field] ?? field, message }),
    );
    return issues.length > 0 ? err(issues) : ok(converted);
  },
  answer: (body, told) => caller.writeAnswer(provider.parseAnswer(body, told.runId), told),
  stream(told) {
    const read = provider.streamParser(told.runId);
    const writer = caller.streamWriter(told);
    return {
      event: (data) =>
        read(data)
          .map((delta) => writer.write(delta))
          .join(''),
      end: (usage) => writer.end(usage),
    };
  },
});
