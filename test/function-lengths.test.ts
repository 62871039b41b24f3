import { functionLengths } from './support/function-lengths';

const lengths = (file: string, text: string): [string, number][] =>
  functionLengths(file, text).map(({ name, lines }) => [name, lines]);

describe('function lengths', () => {
  test('a TypeScript function counts from its first line to its closing brace', () => {
    const text = 'export function one(): void {\n  two();\n}\nconst three = () => 3;\n';
    expect(lengths('a.ts', text)).toEqual([
      ['one', 3],
      ['function at line 4', 1],
    ]);
  });

  test('a C++ function counts, blocks in it and types around it do not', () => {
    const text =
      'namespace a {\nstruct B {\n  int c() const {\n    if (x) {\n      y();\n    }\n' +
      '    return 1; // }\n  }\n};\n}\n';
    expect(lengths('a.cpp', text)).toEqual([['c', 6]]);
  });

  test('a function whose head spans lines counts from the head', () => {
    expect(
      lengths('a.c', 'static int add(int a,\n               int b) {\n  return a;\n}\n'),
    ).toEqual([['add', 4]]);
  });

  test('a brace in a string or a comment is no brace', () => {
    expect(lengths('a.c', 'void f(void) {\n  g("}"); /* } */\n  h(\'}\');\n}\n')).toEqual([
      ['f', 4],
    ]);
  });
});
