#include "lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void lexer_start(struct lexer *lexer, const char *text)
{
    lexer->rest = text;
    lexer_next(lexer);
}

void lexer_next(struct lexer *lexer)
{
    char *end;

    while (isspace((unsigned char)*lexer->rest))
        lexer->rest++;
    if (*lexer->rest == '\0') {
        lexer->kind = END;
    } else if (isdigit((unsigned char)*lexer->rest)) {
        lexer->kind = NUMBER;
        lexer->number = strtol(lexer->rest, &end, 10);
        lexer->rest = end;
    } else if (strchr("+-*/^()", *lexer->rest)) {
        lexer->kind = SIGN;
        lexer->sign = *lexer->rest++;
    } else {
        lexer->kind = BAD;
    }
}

int lexer_at(const struct lexer *lexer, char sign)
{
    return lexer->kind == SIGN && lexer->sign == sign;
}
