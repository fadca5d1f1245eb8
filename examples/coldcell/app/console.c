/* Keys of the console. NO_HOOKS leaves out what only emulated boards need. */
#include "app.h"

#ifndef NO_HOOKS
static uint32_t digits;
static int stepping; /* between 't' and the end of its line */

/* "t N": N seconds of application time now. From then on time moves by this command alone. */
static void step(uint32_t seconds) {
  app.scale = STEPPED;
  for (uint32_t i = 0; i < seconds; i++) { wdt_kick(); app_second(); }
  put("T n="); put_dec(seconds); put(" up="); put_dec(cell_up(&app.cell)); put("\r\n");
}
static int stepped(int c) {
  if (c == 't') { stepping = 1; digits = 0; return 1; }
  if (!stepping) return 0;
  if (c >= '0' && c <= '9') digits = digits * 10 + (uint32_t)(c - '0');
  if (c == '\n') { stepping = 0; step(digits); }
  return 1;
}
static int hook(int c) {
  if (stepped(c)) return 1;
  if (c == 'q') { put("bye\r\n"); board_exit(0); }
  if (c == 'h') for (;;) {}
  return 0;
}
#else
static int hook(int c) { (void)c; return 0; }
#endif

static void key(int c) {
  if (hook(c)) return;
  if (c == 'r') board_reset(R_SOFTWARE);
  if (c == 'c') app_confirm();
  if (c == 's') report("HB");
}
void console_poll(void) {
  for (int c; (c = uart_getc(0)) >= 0;) key(c);
}
