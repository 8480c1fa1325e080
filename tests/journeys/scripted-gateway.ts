/** A started server whose every provider is one scripted upstream, and the official clients of their makers in front of it. */
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { startScriptedUpstream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';
import { freePort, freshFolder, startServer, type Started } from './server.ts';

export interface ScriptedGateway {
  server: Started;
  upstream: ScriptedUpstream;
  /** ends both, and removes what they wrote */
  stop(): Promise<void>;
}

export async function startScriptedGateway(scripts: Record<string, Script>): Promise<ScriptedGateway> {
  const folder = freshFolder();
  const upstream = await startScriptedUpstream(scripts);
  const server = await startServer({
    port: await freePort(),
    dataDir: folder.dataDir,
    env: {
      OPENAI_BASE_URL: `${upstream.url}/v1`,
      OPENAI_API_KEY: 'sk-test',
      ANTHROPIC_BASE_URL: upstream.url,
      ANTHROPIC_API_KEY: 'sk-test',
      GEMINI_BASE_URL: upstream.url,
      GEMINI_API_KEY: 'sk-test',
    },
  });
  return {
    server,
    upstream,
    async stop() {
      await server.stop();
      await upstream.close();
      folder.remove();
    },
  };
}

interface ClientOptions {
  /** default: the demo key */
  apiKey?: string;
  headers?: Record<string, string>;
  fetch?: typeof fetch;
}

export const openaiAt = (
  { url, apiKey: own }: Started,
  { apiKey = own, headers, fetch }: ClientOptions = {},
): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey,
    maxRetries: 0,
    ...(headers && { defaultHeaders: headers }),
    ...(fetch && { fetch }),
  });

export const anthropicAt = (
  { url, apiKey: own }: Started,
  { apiKey = own, headers, fetch }: ClientOptions = {},
): Anthropic =>
  new Anthropic({
    baseURL: url,
    apiKey,
    maxRetries: 0,
    ...(headers && { defaultHeaders: headers }),
    ...(fetch && { fetch }),
  });

export const googleAt = (
  { url, apiKey: own }: Started,
  { apiKey = own, headers, fetch }: ClientOptions = {},
): GoogleGenAI =>
  new GoogleGenAI({
    apiKey,
    httpOptions: { baseUrl: url, ...(headers && { headers }), ...(fetch && { fetch }) },
  });
