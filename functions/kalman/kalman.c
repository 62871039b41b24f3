/* One step of an extended Kalman filter for each line of the request's body.
 *
 * State: x, y (m), heading (rad), speed (m/s) and turn rate (rad/s) of a vehicle (the constant turn
 * rate and velocity model). A line is "seconds range bearing": what a radar at the origin measured
 * after so many seconds, in metres and radians. Each answer is "x y speed" after that step.
 */
#define _XOPEN_SOURCE 700
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../wasi_io.h"

enum { STATES = 5, MEASURED = 2, INPUT_BYTES_MAX = 64 * 1024, LINE_BYTES_MAX = 96 };
enum { X, Y, HEADING, SPEED, TURN };

typedef struct filter {
  double state[STATES];
  double covariance[STATES][STATES];
} filter;

static const double start_variance[STATES] = {100, 100, 1, 25, 0.1};
static const double drift_variance[STATES] = {0.02, 0.02, 0.001, 0.2, 0.005};
static const double measured_variance[MEASURED] = {1.0, 0.0004};
/* Below this a turn is a straight line. */
static const double turn_min = 1e-4;

static double wrapped(double angle) {
  return angle - 2 * M_PI * floor((angle + M_PI) / (2 * M_PI));
}

/* Moves the state by `dt` and writes the Jacobian of that move. */
static void move(double s[STATES], double dt, double jacobian[STATES][STATES]) {
  double from = s[HEADING], to = from + s[TURN] * dt, v = s[SPEED], w = s[TURN];
  for (int i = 0; i < STATES; i += 1)
    for (int j = 0; j < STATES; j += 1)
      jacobian[i][j] = i == j;
  jacobian[HEADING][TURN] = dt;
  if (fabs(w) < turn_min) {
    s[X] += v * cos(from) * dt;
    s[Y] += v * sin(from) * dt;
    jacobian[X][HEADING] = -v * sin(from) * dt;
    jacobian[Y][HEADING] = v * cos(from) * dt;
    jacobian[X][SPEED] = cos(from) * dt;
    jacobian[Y][SPEED] = sin(from) * dt;
    return;
  }
  double along = (sin(to) - sin(from)) / w, across = (cos(from) - cos(to)) / w;
  s[X] += v * along;
  s[Y] += v * across;
  s[HEADING] = wrapped(to);
  jacobian[X][HEADING] = -v * across;
  jacobian[Y][HEADING] = v * along;
  jacobian[X][SPEED] = along;
  jacobian[Y][SPEED] = across;
  jacobian[X][TURN] = v * (dt * cos(to) - along) / w;
  jacobian[Y][TURN] = v * (dt * sin(to) - across) / w;
}

static void predict(filter *f, double dt) {
  double jacobian[STATES][STATES], half[STATES][STATES];
  move(f->state, dt, jacobian);
  for (int i = 0; i < STATES; i += 1)
    for (int j = 0; j < STATES; j += 1) {
      half[i][j] = 0;
      for (int k = 0; k < STATES; k += 1)
        half[i][j] += jacobian[i][k] * f->covariance[k][j];
    }
  for (int i = 0; i < STATES; i += 1)
    for (int j = 0; j < STATES; j += 1) {
      double sum = i == j ? drift_variance[i] * dt : 0;
      for (int k = 0; k < STATES; k += 1)
        sum += half[i][k] * jacobian[j][k];
      f->covariance[i][j] = sum;
    }
}

/* What the radar would see in this state, and the Jacobian of that in x and y. */
static void expect(const double s[STATES], double seen[MEASURED], double h[MEASURED][2]) {
  double squared = s[X] * s[X] + s[Y] * s[Y] + 1e-9, range = sqrt(squared);
  seen[0] = range;
  seen[1] = atan2(s[Y], s[X]);
  h[0][0] = s[X] / range;
  h[0][1] = s[Y] / range;
  h[1][0] = -s[Y] / squared;
  h[1][1] = s[X] / squared;
}

static void correct(filter *f, double range, double bearing) {
  double seen[MEASURED], h[MEASURED][2], p_h[STATES][MEASURED], s[MEASURED][MEASURED];
  expect(f->state, seen, h);
  for (int i = 0; i < STATES; i += 1)
    for (int m = 0; m < MEASURED; m += 1)
      p_h[i][m] = f->covariance[i][X] * h[m][0] + f->covariance[i][Y] * h[m][1];
  for (int m = 0; m < MEASURED; m += 1)
    for (int n = 0; n < MEASURED; n += 1)
      s[m][n] = h[m][0] * p_h[X][n] + h[m][1] * p_h[Y][n] + (m == n ? measured_variance[m] : 0);
  double determinant = s[0][0] * s[1][1] - s[0][1] * s[1][0];
  double error[MEASURED] = {range - seen[0], wrapped(bearing - seen[1])};
  double before[STATES][STATES], gain[STATES][MEASURED];
  memcpy(before, f->covariance, sizeof before);
  for (int i = 0; i < STATES; i += 1) {
    gain[i][0] = (p_h[i][0] * s[1][1] - p_h[i][1] * s[1][0]) / determinant;
    gain[i][1] = (p_h[i][1] * s[0][0] - p_h[i][0] * s[0][1]) / determinant;
    f->state[i] += gain[i][0] * error[0] + gain[i][1] * error[1];
  }
  f->state[HEADING] = wrapped(f->state[HEADING]);
  for (int i = 0; i < STATES; i += 1)
    for (int j = 0; j < STATES; j += 1)
      f->covariance[i][j] = before[i][j] - gain[i][0] * p_h[j][0] - gain[i][1] * p_h[j][1];
}

static void start(filter *f, double range, double bearing) {
  memset(f, 0, sizeof *f);
  f->state[X] = range * cos(bearing);
  f->state[Y] = range * sin(bearing);
  for (int i = 0; i < STATES; i += 1)
    f->covariance[i][i] = start_variance[i];
}

static int bad_line(unsigned line) {
  write_text(STANDARD_ERROR, "kalman: give \"seconds range bearing\" in line ");
  write_decimal(STANDARD_ERROR, line);
  write_text(STANDARD_ERROR, "\n");
  return 2;
}

int main(void) {
  static char input[INPUT_BYTES_MAX + 1];
  static char output[INPUT_BYTES_MAX];
  size_t written = 0;
  input[read_all((uint8_t *)input, INPUT_BYTES_MAX)] = '\0';
  filter f;
  unsigned line = 0;
  for (char *at = input; *at != '\0'; at += *at == '\n') {
    double numbers[3];
    line += 1;
    for (int i = 0; i < 3; i += 1) {
      char *end;
      numbers[i] = strtod(at, &end);
      if (end == at)
        return bad_line(line);
      at = end;
    }
    if (*at != '\n' && *at != '\0')
      return bad_line(line);
    if (line == 1)
      start(&f, numbers[1], numbers[2]);
    else
      predict(&f, numbers[0]);
    correct(&f, numbers[1], numbers[2]);
    if (written + LINE_BYTES_MAX > sizeof output)
      return bad_line(line);
    written += (size_t)snprintf(output + written, LINE_BYTES_MAX, "%.3f %.3f %.3f\n", f.state[X],
                                f.state[Y], f.state[SPEED]);
  }
  return write_all(STANDARD_OUTPUT, output, written) ? 0 : 1;
}
