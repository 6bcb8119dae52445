#ifndef LEXER_H
#define LEXER_H

enum kind { NUMBER, SIGN, END, BAD };

struct lexer {
    const char *rest;
    enum kind kind;  /* of the token that is next */
    char sign;       /* if kind is SIGN: one of + - * / ^ ( ) */
    long number;     /* if kind is NUMBER */
};

void lexer_start(struct lexer *lexer, const char *text);
void lexer_next(struct lexer *lexer);

/* Whether the next token is this sign. */
int lexer_at(const struct lexer *lexer, char sign);

#endif
