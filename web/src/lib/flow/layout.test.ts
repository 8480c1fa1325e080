import { expect, test } from 'vitest';
import { leadFlow } from './fixture.ts';
import { tidy } from './layout.ts';
import { contentSize, MAP_PADDING } from './size.ts';

test('tidy sets every successor to the right of what it follows, and nothing overlaps', () => {
  const messy = leadFlow();
  for (const node of messy.nodes) node.position = { x: 0, y: 0 };
  const flow = tidy(messy);
  const byId = new Map(flow.nodes.map((node) => [node.id, node]));
  for (const { source, target } of flow.edges) {
    const from = byId.get(source)!;
    expect(byId.get(target)!.position.x).toBeGreaterThanOrEqual(
      from.position.x + contentSize(flow, source).width,
    );
  }
});

test('a body stands wholly inside its map, below the header', () => {
  const flow = tidy(leadFlow());
  const map = contentSize(flow, 'each');
  for (const node of flow.nodes.filter((one) => one.parentId === 'each')) {
    const size = contentSize(flow, node.id);
    expect(node.position.x).toBeGreaterThanOrEqual(MAP_PADDING.left);
    expect(node.position.y).toBeGreaterThanOrEqual(MAP_PADDING.top);
    expect(node.position.x + size.width).toBeLessThanOrEqual(map.width);
    expect(node.position.y + size.height).toBeLessThanOrEqual(map.height);
  }
});
