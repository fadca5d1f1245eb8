/* Heartbeat lines: kind, key=value fields, '*', CRC-16/CCITT of everything before the star. */
#include "app.h"

static uint16_t crc;

static void text(const char *s) { crc = crc16(crc, s, strlen(s)); put(s); }
static void field(const char *key, const char *value) { text(key); text(value); }
static void number(const char *key, int32_t v) {
  char b[12];
  int i = 11;
  uint32_t u = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;
  b[11] = 0;
  do { b[--i] = (char)('0' + u % 10); u /= 10; } while (u);
  if (v < 0) b[--i] = '-';
  field(key, b + i);
}
static void identity(void) {
  field(" id=", PARAMS->id); field(" hw=", PARAMS->hw); text(" ver=" VERSION);
  number(" slot=", (int32_t)RETAINED->slot);
  text(app_confirmed() ? " state=confirmed" : " state=trial");
  field(" other=", verdict_name[RETAINED->other]);
}
static void life(void) {
  field(" reset=", reason_name[RETAINED->last]);
  number(" up=", (int32_t)cell_up(&app.cell));
  number(" boots=", (int32_t)app.boot.boots);
  number(" crashes=", (int32_t)app.boot.crashes);
  number(" rollbacks=", (int32_t)app.boot.rollbacks);
  field(" boot=", PARAMS->id); number("-", (int32_t)app.boot.boots);
  number(" ran=", (int32_t)RETAINED->ran);
}
static void measured(void) {
  struct cell_reading r;
  cell_read(&app.cell, &r);
  number(" temp=", r.temperature);
  number(" cooling=", (int32_t)r.cooling);
  text(r.self_test ? " test=ok" : " test=fail");
  number(" mean=", app.cell.mean);
  number(" starts=", (int32_t)app.cell.starts);
  number(" cooled=", (int32_t)app.cell.cooled_s);
}
void report(const char *kind) {
  crc = 0;
  text(kind);
  identity(); life(); measured();
  put("*"); put_hex(crc, 4); put("\r\n");
}
