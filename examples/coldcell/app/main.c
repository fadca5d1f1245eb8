/* Cold-cell monitor: measure, control, send heartbeats on the console (UART0); serve updates
 * on the second line (UART1). Confirmed from outside: who hears our heartbeats and can still
 * reach the update service knows that we work. */
#include "app.h"
#include "seam.h"

#define TRIAL_S     60u /* time in which somebody must confirm us: real time, application time if stepped */
#define HEARTBEAT_S 60u

struct app app;

int app_confirmed(void) { return is_set(T_CONFIRMED(RETAINED->slot)); }
void app_confirm(void) {
  uint32_t s = RETAINED->slot;
  if (app_confirmed()) return;
  app.boot.primary = s; app.boot.trial = 0; state_save(&app.boot); /* first the choice, then the flag that makes it valid */
  set_flag(T_CONFIRMED(s));
  put("CONFIRMED " VERSION "\r\n");
}
int app_go_back(void) {
  uint32_t other = 1 - RETAINED->slot;
  if (!is_set(T_CONFIRMED(other)) || RETAINED->other != V_OK) return 0;
  app.boot.primary = other; state_save(&app.boot);
  return 1;
}
_Noreturn void cell_trap(enum cell_fault why) {
  put("\r\nTRAP cell="); put_dec((uint32_t)why); put("\r\n");
  board_reset(R_FAULT);
  for (;;) {}
}

static void trial(uint32_t seconds) {
  if (seconds >= TRIAL_S && !app_confirmed()) board_reset(R_TRIAL);
}
void app_second(void) {
  RETAINED->up = cell_up(&app.cell) + 1; /* before, so that a fault in this second is told with it */
  cell_run(&app.cell, 1);
  if (cell_up(&app.cell) % HEARTBEAT_S == 0) report("HB");
  if (app.scale == STEPPED) trial(cell_up(&app.cell));
}
static void pass(uint32_t ms) { /* real time has passed */
  static uint32_t due;
  if (app.scale == STEPPED) return;
  for (due += ms * app.scale; due >= 1000u; due -= 1000u) app_second();
  trial((now_ms() - app.start) / 1000u);
}
static void start(void) {
  board_init();
  state_load(&app.boot);
  const struct cell_params params = {.seed = crc16(0, PARAMS->id, sizeof PARAMS->id), .low = 3000, .high = 6000};
  cell_init(&app.cell, sizeof app.cell, &params);
  report("APP");
#if defined(BAD_HANG)
  for (;;) {}
#elif defined(BAD_FAULT)
  *(volatile uint32_t *)PTR(0xfffffff0u) = 1;
#endif
  app.scale = PARAMS->magic == PARAM_MAGIC && PARAMS->scale ? PARAMS->scale : 1;
  app.start = now_ms();
  put("READY\r\n");
}
int main(void) {
  start();
  for (uint32_t last = app.start;;) {
    uint32_t now = now_ms();
    wdt_kick();
    pass(now - last);
    last = now;
    smp_poll();
    console_poll();
    board_idle();
  }
}
