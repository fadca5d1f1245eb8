/* The seam on a computer: the control code as a shared library that survives its own faults.
 * Each step runs under a guard; a signal ends the step and becomes its result. The timer
 * belongs to the process, not to a thread: step in the main thread only. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include "seam.h"

#define SPARE_STACK 65536 /* a stack overflow is reported from here */

static const struct { int number; enum cell_fault fault; } watched[] = {
  {SIGFPE, CELL_ARITHMETIC}, {SIGSEGV, CELL_MEMORY}, {SIGBUS, CELL_BUS}, {SIGILL, CELL_ILLEGAL}, {SIGVTALRM, CELL_WATCHDOG},
};
#define WATCHED (sizeof watched / sizeof *watched)

struct guard {
  sigjmp_buf out;
  struct sigaction actions[WATCHED];
  stack_t stack;
  struct itimerval timer;
};
static _Thread_local struct guard *armed; /* set while this thread is in a step */

_Noreturn void cell_trap(enum cell_fault why) {
  if (!armed) abort();
  siglongjmp(armed->out, why);
}
static void caught(int number) {
  if (!armed) { /* another thread's fault: dies as it would without us */
    if (number != SIGVTALRM) signal(number, SIG_DFL);
    return;
  }
  for (unsigned i = 0; i < WATCHED; i++)
    if (watched[i].number == number) siglongjmp(armed->out, watched[i].fault);
}
static void arm(struct guard *g, char *spare) {
  struct sigaction act = {.sa_handler = caught, .sa_flags = SA_ONSTACK};
  struct itimerval second = {.it_value = {1, 0}};
  sigaltstack(&(stack_t){.ss_sp = spare, .ss_size = SPARE_STACK}, &g->stack);
  for (unsigned i = 0; i < WATCHED; i++) sigaction(watched[i].number, &act, &g->actions[i]);
  armed = g;
  setitimer(ITIMER_VIRTUAL, &second, &g->timer);
}
static void disarm(struct guard *g) {
  setitimer(ITIMER_VIRTUAL, &g->timer, 0);
  armed = 0;
  for (unsigned i = 0; i < WATCHED; i++) sigaction(watched[i].number, &g->actions[i], 0);
  sigaltstack(&g->stack, 0);
}
int cell_step(void *state, uint32_t seconds) {
  struct guard guard;
  char spare[SPARE_STACK];
  arm(&guard, spare);
  int fault = sigsetjmp(guard.out, 1);
  if (!fault) cell_run(state, seconds);
  disarm(&guard);
  return fault;
}
