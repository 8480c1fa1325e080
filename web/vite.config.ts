import adapter from '@sveltejs/adapter-cloudflare';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';

const api = { target: `http://127.0.0.1:${process.env.PORT ?? 8787}`, ws: true };

export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    tailwindcss(),
    sveltekit({
      adapter: adapter({ config: 'wrangler.adapter.jsonc' }),
      alias: { $domain: '../worker/domain' },
    }),
  ],
  server: { proxy: { '/api': api, '/v1': api, '/v1beta': api, '/hooks': api } },
});
