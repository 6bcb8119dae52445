#ifndef PARSER_H
#define PARSER_H

/* The value of an expression in *value; 0 if it cannot be read, otherwise 1. */
int evaluate(const char *text, long *value);

#endif
