/** What a budget may cover in this team: ids and names for the pickers. */
export interface Named {
  id: string;
  name: string;
}
export type Choices = Record<'member' | 'group' | 'key' | 'prompt' | 'workflow' | 'model', Named[]>;
