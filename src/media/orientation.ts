/**
 * Which way up video frames are: the rotation and mirroring that a stream's display matrix asks for.
 *
 * @module
 */

/** The 3x3 matrix in FFmpeg's fixed point numbers, row by row. */
export type DisplayMatrix = readonly number[];

/** By how many degrees clockwise frames are to be rotated, from 0 up to 360. */
export function rotationOf(matrix: DisplayMatrix | undefined): number {
  if (!matrix) return 0;
  const [a, b, , c, d] = matrix as [number, number, number, number, number];
  const scales = [Math.hypot(a, c), Math.hypot(b, d)] as const;
  if (scales[0] === 0 || scales[1] === 0) return 0;
  const degrees = Math.round(Math.atan2(b / scales[1], a / scales[0]) * 180 / Math.PI);
  return (degrees + 360) % 360;
}

/** The filters that turn frames upright, mirrored ones too. */
export function uprightFilters(matrix: DisplayMatrix | undefined): string[] {
  if (!matrix) return [];
  const [a, , , c, d] = matrix as [number, number, number, number, number];
  switch (rotationOf(matrix)) {
    case 0:
      return d < 0 ? ["vflip"] : [];
    case 90:
      return [c > 0 ? "transpose=cclock_flip" : "transpose=clock"];
    case 180:
      return [...(a < 0 ? ["hflip"] : []), ...(d < 0 ? ["vflip"] : [])];
    case 270:
      return [c < 0 ? "transpose=clock_flip" : "transpose=cclock"];
    default:
      return [`rotate=${rotationOf(matrix)}*PI/180`];
  }
}
