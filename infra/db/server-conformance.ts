export function serverConformance(_name: string, _dsn: string): void {}
