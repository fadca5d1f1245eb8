/* The seam between firmware and hardware. The boot loader and the application
 * see only this file; board/mps2.c implements it for the Cortex-M board,
 * board/host.c for a process on the developer's machine. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Flash: two slots, two state sectors (append-only log), one parameter sector. */
#define FLASH_BASE  0x21000000u
#define FLASH_SIZE  0x01000000u
#define SECTOR      0x1000u
#define SLOT_SIZE   0x40000u
#define SLOT(n)     (FLASH_BASE + (uint32_t)(n) * SLOT_SIZE)
#define LOG_BASE    (FLASH_BASE + 0x80000u)
#define PARAM_BASE  (FLASH_BASE + 0x90000u)
#define EXEC_BASE   0x00100000u /* images are copied here and run */
#define RETAIN_BASE 0x20040000u /* RAM that a reset leaves alone */
#define PTR(a)      ((void *)(uintptr_t)(a))
#define WDT_MS      2000u

enum reason { R_POWER, R_SOFTWARE, R_LOST, R_TRIAL, R_WATCHDOG, R_FAULT };
struct retained {        /* boot loader -> application, and over a reset */
  uint32_t magic, reason, pc; /* noted by whoever resets */
  uint32_t last;         /* reason of the reset before this boot */
  uint32_t slot, other;  /* running slot; verdict on the other one */
  uint32_t up, ran;      /* seconds of the application: this run's, kept by it; the run's before this boot */
};
#define RETAIN_MAGIC 0x52544e44u
#define RETAINED ((volatile struct retained *)PTR(RETAIN_BASE))

struct params {          /* written in the factory */
  uint32_t magic, scale; /* scale: application time passes this much faster; STEPPED: by the console's `t` only */
  char id[16], hw[4];
  uint8_t class_id[16];  /* UUID; an image made for another board is refused */
};
#define PARAM_MAGIC 0x50415241u
#define STEPPED 0xffffffffu
#define PARAMS ((const struct params *)PTR(PARAM_BASE))

void board_init(void);
void board_idle(void);            /* sleep until serial input or the next tick */
void board_exit(int code);        /* end the emulation */
void board_reset(enum reason why);
void board_start(uint32_t slot, uint32_t header, uint32_t size); /* run an image */
uint32_t now_ms(void);            /* wraps after 49 days */

void uart_putc(int port, int c);  /* 0 console, 1 update link */
int  uart_getc(int port);         /* -1: nothing waits */
void wdt_start(uint32_t ms);
void wdt_kick(void);
void flash_erase(uint32_t addr, uint32_t len);                  /* to 0xff */
void flash_write(uint32_t addr, const void *src, uint32_t len); /* clears bits only */

void put(const char *s);
void put_dec(uint32_t v);
void put_hex(uint32_t v, int digits);
extern const char *const reason_name[];

void *memcpy(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
