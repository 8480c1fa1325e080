declare module '*/.svelte-kit/cloudflare/_worker.js' {
  const pages: { fetch(request: Request, env: unknown, ctx: ExecutionContext): Promise<Response> };
  export default pages;
}
