import type { Path, Problem } from './problem.ts';
import type { YamlFile } from './yaml.ts';

/** Collects what is found in one file, each at its place. */
export class Report {
  /** Wrong wherever the file is used. */
  readonly wrong: Problem[] = [];
  /** Named by the file and not to be had on this machine: secrets, certificates. */
  readonly missing: Problem[] = [];
  /** Works, with less protection than it should. */
  readonly warnings: Problem[] = [];
  readonly #file: YamlFile;

  constructor(file: YamlFile) {
    this.#file = file;
  }

  isWrong(path: Path, words: string): void {
    this.wrong.push(this.#file.at(path, words));
  }

  isMissing(path: Path, words: string): void {
    this.missing.push(this.#file.at(path, words));
  }

  warn(path: Path, words: string): void {
    this.warnings.push(this.#file.at(path, words));
  }
}
