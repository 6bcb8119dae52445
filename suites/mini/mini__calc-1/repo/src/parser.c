#include "parser.h"

#include "lexer.h"

struct parser {
    struct lexer lexer;
    int failed;
};

static long sum(struct parser *p);

static long atom(struct parser *p)
{
    long value = 0;

    if (p->lexer.kind == NUMBER) {
        value = p->lexer.number;
        lexer_next(&p->lexer);
    } else if (lexer_at(&p->lexer, '(')) {
        lexer_next(&p->lexer);
        value = sum(p);
        if (!lexer_at(&p->lexer, ')'))
            p->failed = 1;
        lexer_next(&p->lexer);
    } else {
        p->failed = 1;
    }
    return value;
}

static long power(struct parser *p)
{
    long base = atom(p);
    long exponent, value = 1;

    if (!lexer_at(&p->lexer, '^'))
        return base;
    lexer_next(&p->lexer);
    for (exponent = power(p); exponent > 0; exponent--)
        value *= base;
    return value;
}

static long negation(struct parser *p)
{
    if (!lexer_at(&p->lexer, '-'))
        return power(p);
    lexer_next(&p->lexer);
    return -negation(p);
}

static long divide(struct parser *p, long left, long right)
{
    if (right == 0) {
        p->failed = 1;
        return 0;
    }
    return left / right;
}

static long product(struct parser *p)
{
    long left = negation(p);

    if (lexer_at(&p->lexer, '*')) {
        lexer_next(&p->lexer);
        return left * product(p);
    }
    if (lexer_at(&p->lexer, '/')) {
        lexer_next(&p->lexer);
        return divide(p, left, product(p));
    }
    return left;
}

static long sum(struct parser *p)
{
    long left = product(p);

    if (lexer_at(&p->lexer, '+')) {
        lexer_next(&p->lexer);
        return left + sum(p);
    }
    if (lexer_at(&p->lexer, '-')) {
        lexer_next(&p->lexer);
        return left - sum(p);
    }
    return left;
}

int evaluate(const char *text, long *value)
{
    struct parser p = {{0}, 0};

    lexer_start(&p.lexer, text);
    *value = sum(&p);
    return !p.failed && p.lexer.kind == END;
}
