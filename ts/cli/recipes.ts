/** `wakesleep recipes`: what can be trained or shown by name. */
import { recipes } from '../recipes/index.js';
import { exitStatus, type Output } from './output.js';

/** Lists the recipes. */
export function listRecipes(output: Output): number {
  for (const recipe of recipes) {
    const { name, title, reproduces, published, takes } = recipe;
    const configuration = 'configuration' in recipe ? recipe.configuration : null;
    output.object({ type: 'recipe', name, title, reproduces, published, takes, configuration });
    output.line(name);
    output.line(`  ${title}`);
    output.line(`  Reproduces  ${reproduces}`);
    output.line(`  Published   ${published}`);
    output.line(`  Takes       ${takes} on two cores`);
    output.line();
  }
  output.line('Run one with `wakesleep train NAME`.');
  return exitStatus.done;
}
