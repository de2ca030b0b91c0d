/** A device whose calls show in the disk page, so that one deep in a long call is told from one that is stuck (I14). */
import type { ByteCount } from '../base/brand.ts';
import type { Device, DeviceFault } from '../device/device.ts';
import type { DiskPageWriter } from '../shared/disk-page.ts';

export class WatchedDevice implements Device {
  readonly file: string;
  private readonly device: Device;
  private readonly page: DiskPageWriter;

  constructor(device: Device, page: DiskPageWriter) {
    this.file = device.file;
    this.device = device;
    this.page = page;
  }

  size(): ByteCount | DeviceFault {
    this.page.enter('size');
    const size = this.device.size();
    this.page.leave();
    return size;
  }

  read(into: Uint8Array, offset: number): DeviceFault | undefined {
    this.page.enter('read');
    return this.left(this.device.read(into, offset));
  }

  write(from: Uint8Array, offset: number): DeviceFault | undefined {
    this.page.enter('write');
    return this.left(this.device.write(from, offset));
  }

  flush(): DeviceFault | undefined {
    this.page.enter('flush');
    return this.left(this.device.flush());
  }

  resize(byteCount: number): DeviceFault | undefined {
    this.page.enter('resize');
    return this.left(this.device.resize(byteCount));
  }

  close(): DeviceFault | undefined {
    this.page.enter('close');
    return this.left(this.device.close());
  }

  private left(fault: DeviceFault | undefined): DeviceFault | undefined {
    this.page.leave();
    return fault;
  }
}
