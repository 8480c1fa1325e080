import { describe, expect, it } from 'vitest';
import { isPrivateHost } from './private-address.ts';

const judged = (url: string) => isPrivateHost(new URL(url).hostname);

describe('addresses a team must not reach', () => {
  it.each([
    'http://localhost:11434/v1',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://0.0.0.0/',
    'http://10.1.2.3/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://metadata.google.internal/',
    'http://metadata/',
    'http://nas.local/',
    'http://198.18.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::10.0.0.1]/',
    'http://[64:ff9b:1::1]/',
    'http://[2002:7f00:1::]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[ff02::1]/',
    'http://[2001:db8::1]/',
    'http://[fd00:ec2::254]/',
  ])('%s', (url) => expect(judged(url)).toBe(true));
});

describe('addresses anybody may reach', () => {
  it.each([
    'https://api.openai.com/v1',
    'https://openrouter.ai/api/v1',
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://100.128.0.1/',
    'http://192.0.66.1/',
    'http://[2606:4700::1111]/',
    'http://[64:ff9b::8.8.8.8]/',
    'https://local.example.com/',
    'https://localhost.example.com/',
  ])('%s', (url) => expect(judged(url)).toBe(false));
});
