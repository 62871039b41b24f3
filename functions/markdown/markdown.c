/* Turns the Markdown in the request's body into HTML: headings, paragraphs, lists (of one level),
 * quotations, code, rules and what inline.h has. HTML in the text is shown, not passed on. */
#include "inline.h"

enum { INPUT_BYTES_MAX = 256 * 1024 };

typedef enum block { NONE, PARAGRAPH, BULLETS, NUMBERS, QUOTATION, CODE } block;

typedef struct line {
  const char *text;
  size_t length;
} line;

static block current;

static void close_block(void) {
  static const char *const ends[] = {
      "", "</p>\n", "</li>\n</ul>\n", "</li>\n</ol>\n", "</p>\n</blockquote>\n", "</code></pre>\n",
  };
  put(ends[current]);
  current = NONE;
}

/* Goes on with a block of this kind, or begins one. */
static void open_block(block wanted, const char *start, const char *next) {
  if (current == wanted) {
    put(next);
    return;
  }
  close_block();
  put(start);
  current = wanted;
}

static line trimmed(line given) {
  while (given.length > 0 && is_space(given.text[0])) {
    given.text += 1;
    given.length -= 1;
  }
  while (given.length > 0 && is_space(given.text[given.length - 1]))
    given.length -= 1;
  return given;
}

static line without(line given, size_t count) {
  return trimmed((line){given.text + count, given.length - count});
}

static int put_heading(line text) {
  size_t level = 0;
  while (level < text.length && text.text[level] == '#')
    level += 1;
  if (level == 0 || level > 6 || level == text.length || text.text[level] != ' ')
    return 0;
  close_block();
  char tag[] = "<h1>";
  tag[2] = (char)('0' + level);
  put(tag);
  line title = without(text, level);
  put_inline(title.text, title.length, 0);
  put("</");
  put(tag + 1);
  put("\n");
  return 1;
}

static int put_rule(line text) {
  if (text.length < 3 || strchr("-*_", text.text[0]) == NULL)
    return 0;
  for (size_t i = 1; i < text.length; i += 1)
    if (text.text[i] != text.text[0])
      return 0;
  close_block();
  put("<hr />\n");
  return 1;
}

static int put_item(line text) {
  size_t digits = 0;
  while (digits < text.length && text.text[digits] >= '0' && text.text[digits] <= '9')
    digits += 1;
  int is_bullet = text.length > 2 && strchr("-*+", text.text[0]) != NULL && text.text[1] == ' ';
  int is_number = digits > 0 && digits + 1 < text.length && text.text[digits] == '.' &&
                  text.text[digits + 1] == ' ';
  if (!is_bullet && !is_number)
    return 0;
  const char *start = is_bullet ? "<ul>\n<li>" : "<ol>\n<li>";
  open_block(is_bullet ? BULLETS : NUMBERS, start, "</li>\n<li>");
  line item = without(text, is_bullet ? 2 : digits + 2);
  put_inline(item.text, item.length, 0);
  return 1;
}

static int is_fence(line text) {
  return text.length >= 3 && memcmp(text.text, "```", 3) == 0;
}

static void put_fence(line text) {
  int is_end = current == CODE;
  close_block();
  if (is_end)
    return;
  line language = without(text, 3);
  if (language.length > 0) {
    put("<pre><code class=\"language-");
    put_escaped(language.text, language.length);
    put("\">");
  } else {
    put("<pre><code>");
  }
  current = CODE;
}

static void put_line(line whole) {
  line text = trimmed(whole);
  if (is_fence(text))
    return put_fence(text);
  if (current == CODE) {
    put_escaped(whole.text, whole.length);
    return put("\n");
  }
  if (text.length == 0)
    return close_block();
  if (put_heading(text) || put_rule(text) || put_item(text))
    return;
  if (text.text[0] == '>') {
    open_block(QUOTATION, "<blockquote>\n<p>", "\n");
    text = without(text, 1);
  } else if (current == NONE || current == CODE) {
    open_block(PARAGRAPH, "<p>", "\n");
  } else {
    put("\n");
  }
  put_inline(text.text, text.length, 0);
}

int main(void) {
  static char input[INPUT_BYTES_MAX];
  size_t length = read_all((uint8_t *)input, sizeof input);
  for (size_t from = 0; from < length;) {
    const char *end = memchr(input + from, '\n', length - from);
    size_t count = end == NULL ? length - from : (size_t)(end - input) - from;
    put_line((line){input + from, count});
    from += count + 1;
  }
  close_block();
  if (output_length == OUTPUT_BYTES_MAX) {
    write_text(STANDARD_ERROR, "markdown: the page is larger than 1 MiB\n");
    return 2;
  }
  return write_all(STANDARD_OUTPUT, output, output_length) ? 0 : 1;
}
