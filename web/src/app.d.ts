declare global {
  namespace App {
    interface Platform {
      env: { API?: { fetch(request: Request): Promise<Response> } };
    }
    interface Locals {
      theme: 'light' | 'dark' | 'system';
    }
  }
}
export {};
