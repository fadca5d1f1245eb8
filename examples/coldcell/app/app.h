/* The application's parts: main.c (loop and clock), report.c (lines), console.c (keys), smp.c (update link). */
#pragma once
#include "cell.h"
#include "image.h"

struct app {
  struct state boot;  /* what the boot loader keeps over power cuts */
  struct cell cell;
  uint32_t start;     /* now_ms() at the start */
  uint32_t scale;     /* application time runs so much faster; STEPPED: by app_second alone */
};
extern struct app app;

void app_confirm(void);
int app_go_back(void); /* to the other slot at the next boot; 0: it may not run */
int app_confirmed(void);
void app_second(void); /* one second of application time */
void report(const char *kind);
void console_poll(void);
void smp_poll(void);
