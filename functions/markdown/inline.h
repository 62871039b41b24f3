/* inline.h - text within a line of Markdown: emphasis, code, links, pictures and escapes. */
#ifndef SLEDGE_MARKDOWN_INLINE_H
#define SLEDGE_MARKDOWN_INLINE_H

#include "../wasi_io.h"

enum { OUTPUT_BYTES_MAX = 1 << 20, NESTING_MAX = 8 };

static char output[OUTPUT_BYTES_MAX];
static size_t output_length;

static void put_bytes(const char *text, size_t length) {
  if (length > OUTPUT_BYTES_MAX - output_length)
    length = OUTPUT_BYTES_MAX - output_length;
  memcpy(output + output_length, text, length);
  output_length += length;
}

static void put(const char *text) {
  put_bytes(text, strlen(text));
}

static void put_escaped(const char *text, size_t length) {
  for (size_t i = 0; i < length; i += 1) {
    switch (text[i]) {
    case '<':
      put("&lt;");
      break;
    case '>':
      put("&gt;");
      break;
    case '&':
      put("&amp;");
      break;
    case '"':
      put("&quot;");
      break;
    default:
      put_bytes(text + i, 1);
    }
  }
}

/* Where `wanted` stands next, or `length`; an escaped one does not count. */
static size_t find(const char *text, size_t from, size_t length, const char *wanted) {
  size_t count = strlen(wanted);
  for (size_t i = from; i + count <= length; i += 1) {
    if (memcmp(text + i, wanted, count) == 0)
      return i;
    if (text[i] == '\\')
      i += 1;
  }
  return length;
}

static void put_inline(const char *text, size_t length, int depth);

/* `mark`text`mark` as an element. @returns bytes read, 0 when it is no such thing. */
static size_t put_marked(const char *text, size_t length, const char *mark, const char *name,
                         int depth) {
  size_t width = strlen(mark);
  if (length < 2 * width + 1 || memcmp(text, mark, width) != 0 || is_space(text[width]))
    return 0;
  size_t end = find(text, width, length, mark);
  if (end == length || is_space(text[end - 1]))
    return 0;
  put("<");
  put(name);
  put(">");
  put_inline(text + width, end - width, depth + 1);
  put("</");
  put(name);
  put(">");
  return end + width;
}

static size_t put_code(const char *text, size_t length) {
  size_t end = 1;
  while (end < length && text[end] != '`')
    end += 1;
  if (text[0] != '`' || end >= length)
    return 0;
  put("<code>");
  put_escaped(text + 1, end - 1);
  put("</code>");
  return end + 1;
}

/* [text](address), and ![text](address) with `is_picture`. */
static size_t put_link(const char *text, size_t length, int is_picture, int depth) {
  size_t open = is_picture ? 1 : 0;
  if (length < open + 4 || text[open] != '[')
    return 0;
  size_t middle = find(text, open + 1, length, "](");
  size_t end = middle == length ? length : find(text, middle + 2, length, ")");
  if (end == length)
    return 0;
  const char *label = text + open + 1, *address = text + middle + 2;
  put(is_picture ? "<img src=\"" : "<a href=\"");
  put_escaped(address, end - middle - 2);
  if (is_picture) {
    put("\" alt=\"");
    put_escaped(label, middle - open - 1);
    put("\" />");
  } else {
    put("\">");
    put_inline(label, middle - 1, depth + 1);
    put("</a>");
  }
  return end + 1;
}

static size_t put_element(const char *text, size_t length, int depth) {
  static const struct {
    const char *mark, *name;
  } marks[] = {{"**", "strong"}, {"__", "strong"}, {"*", "em"}, {"_", "em"}, {"~~", "del"}};
  if (depth > NESTING_MAX)
    return 0;
  switch (*text) {
  case '`':
    return put_code(text, length);
  case '[':
    return put_link(text, length, 0, depth);
  case '!':
    return put_link(text, length, 1, depth);
  }
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i += 1) {
    size_t count = put_marked(text, length, marks[i].mark, marks[i].name, depth);
    if (count > 0)
      return count;
  }
  return 0;
}

static int is_word(char byte) {
  return (byte >= '0' && byte <= '9') || ((byte | 32) >= 'a' && (byte | 32) <= 'z');
}

static void put_inline(const char *text, size_t length, int depth) {
  for (size_t i = 0; i < length;) {
    if (text[i] == '\\' && i + 1 < length && strchr("\\`*_{}[]()#+-.!~>|", text[i + 1]) != NULL) {
      put_escaped(text + i + 1, 1);
      i += 2;
      continue;
    }
    int is_plain =
        strchr("`[!*_~", text[i]) == NULL || (text[i] == '_' && i > 0 && is_word(text[i - 1]));
    size_t count = is_plain ? 0 : put_element(text + i, length - i, depth);
    if (count == 0) {
      put_escaped(text + i, 1);
      count = 1;
    }
    i += count;
  }
}

#endif
