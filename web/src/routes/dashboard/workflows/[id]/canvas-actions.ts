/** What nodes and edges on the canvas may ask of the builder around them. */
import { getContext, setContext } from 'svelte';

export interface CanvasActions {
  /** opens the palette for the inside of a map */
  addInside(mapId: string): void;
  removeEdge(edgeId: string): void;
}

const KEY = Symbol('canvas actions');
export const provideCanvasActions = (actions: CanvasActions): CanvasActions => setContext(KEY, actions);
export const useCanvasActions = (): CanvasActions => getContext<CanvasActions>(KEY);
