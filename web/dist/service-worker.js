"use strict";(()=>{var U=class extends Error{constructor(t,n){super(n);this.kind=t;this.name="TczError"}kind};function A(r){return new U("BadFile",r)}var An=new Uint32Array(256).map((r,e)=>{for(let t=0;t<8;t++)e=e&1?3988292384^e>>>1:e>>>1;return e});function V(...r){let e=4294967295;for(let t of r)for(let n=0,s=t.length;n<s;n++)e=An[(e^t[n])&255]^e>>>8;return~e>>>0}function tt(r){return Uint8Array.of(r,r>>>8,r>>>16,r>>>24)}function Te(r){let e=[];for(;r>127;r=Math.floor(r/128))e.push(r%128|128);return Uint8Array.from([...e,r])}function _(r,e){let t=0;for(let n=0;n<5;n++){let s=r[e+n];if(s===void 0)throw A("the file is cut short inside a number");if(t+=(s&127)*128**n,s<128){if(s===0&&n)throw A("the file holds a number that is not in its shortest form");return[t,e+n+1]}}throw A("the file holds a number of more than five bytes")}function ie(r){return Array.from(r,e=>e.toString(16).padStart(2,"0")).join("")}function Y(r,e){return r.length===e.length&&r.every((t,n)=>t===e[n])}function nt(r){try{return new TextDecoder("utf-8",{fatal:!0}).decode(r),!0}catch{return!1}}var xn=[3,4,5,6,7,8,9,10,11,13,15,17,19,23,27,31,35,43,51,59,67,83,99,115,131,163,195,227,258],Mn=[0,0,0,0,0,0,0,0,1,1,1,1,2,2,2,2,3,3,3,3,4,4,4,4,5,5,5,5,0],Un=[1,2,3,4,5,7,9,13,17,25,33,49,65,97,129,193,257,385,513,769,1025,1537,2049,3073,4097,6145,8193,12289,16385,24577],kn=[0,0,0,0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9,9,10,10,11,11,12,12,13,13],Sn=[16,17,18,0,8,7,9,6,10,5,11,4,12,3,13,2,14,1,15],S=class extends Error{constructor(t){super(t);this.reason=t}reason};function X(r,e=!1){let t=new Uint16Array(16);for(let a of r)t[a]++;t[0]=0;let n=new Uint16Array(16),s=1;for(let a=1;a<16;a++){if(s=2*s-t[a],s<0)throw new S("damaged");a<15&&(n[a+1]=n[a]+t[a])}let i=t.findLastIndex(a=>a);if(s>0&&i>0&&(e||i>1))throw new S("damaged");let o=new Uint16Array(r.length);for(let a=0;a<r.length;a++)r[a]&&(o[n[r[a]]++]=a);return{counts:t,symbols:o}}var rt={literals:X([...Array(144).fill(8),...Array(112).fill(9),...Array(24).fill(7),...Array(8).fill(8)]),distances:X(Array(32).fill(5))},Ie=class{constructor(e,t){this.data=e;this.out=t}data;out;at=2;bits=0;have=0;done=0;take(e){for(;this.have<e;){let n=this.data[this.at++];if(n===void 0)throw new S("length");this.bits|=n<<this.have,this.have+=8}let t=this.bits&(1<<e)-1;return this.bits>>>=e,this.have-=e,t}symbol({counts:e,symbols:t}){let n=0,s=0,i=0;for(let o=1;o<16;o++){n|=this.take(1);let a=e[o];if(n-a<s)return t[i+n-s];i+=a,s=s+a<<1,n<<=1}throw new S("damaged")}put(e){if(this.done===this.out.length)throw new S("length");this.out[this.done++]=e}stored(){this.bits=this.have=0;let[e,t,n,s]=this.data.subarray(this.at,this.at+4);if(s===void 0)throw new S("length");let i=e|t<<8;if(i!==(~(n|s<<8)&65535))throw new S("damaged");let o=this.data.subarray(this.at+4,this.at+4+i);if(this.at+=4+i,o.length<i||this.done+i>this.out.length)throw new S("length");this.out.set(o,this.done),this.done+=i}compressed(e,t){for(;;){let n=this.symbol(e);if(n===256)return;if(n<256){this.put(n);continue}if(n>285)throw new S("damaged");let s=xn[n-257]+this.take(Mn[n-257]),i=this.symbol(t);if(i>29)throw new S("damaged");let o=Un[i]+this.take(kn[i]);if(o>this.done)throw new S("damaged");for(let a=0;a<s;a++)this.put(this.out[this.done-o])}}dynamic(){let e=[this.take(5)+257,this.take(5)+1];if(e[0]>286||e[1]>30)throw new S("damaged");let t=new Uint8Array(19);for(let i=0,o=this.take(4)+4;i<o;i++)t[Sn[i]]=this.take(3);let n=X(t,!0),s=[];for(;s.length<e[0]+e[1];){let i=this.symbol(n);if(i<16)s.push(i);else if(i===16){let o=s.at(-1);if(o===void 0)throw new S("damaged");for(let a=this.take(2)+3;a;a--)s.push(o)}else for(let o=i===17?this.take(3)+3:this.take(7)+11;o;o--)s.push(0)}if(s.length>e[0]+e[1]||!s[256])throw new S("damaged");this.compressed(X(s.slice(0,e[0])),X(s.slice(e[0])))}run(){let[e,t]=this.data;if(e===void 0||t===void 0)throw new S("length");if(!((e&15)===8&&e>>4<8&&!(t&32))||(e*256+t)%31)throw new S("damaged");for(let o=0;!o;){o=this.take(1);let a=this.take(2);if(a===0)this.stored();else if(a===1)this.compressed(rt.literals,rt.distances);else if(a===2)this.dynamic();else throw new S("damaged")}if(this.done!==this.out.length)throw new S("length");let s=this.data.subarray(this.at);if(s.length!==4)throw new S("length");let i=_e(this.out);if([24,16,8,0].some((o,a)=>(i>>>o&255)!==s[a]))throw new S("damaged")}};function _e(r){let e=1,t=0;for(let n=0;n<r.length;n+=3800){let s=Math.min(n+3800,r.length);for(let i=n;i<s;i++)t+=e+=r[i];e%=65521,t%=65521}return(t<<16|e)>>>0}function ae(r,e){let t=new Uint8Array(e);return new Ie(r,t).run(),t}var En=63,st=64,ot=128,q=(r,e)=>e.maxSection,Pn={alpha:{number:1,ancillary:!1,limit:r=>2*r+4096,pixels:!0},exact:{number:2,ancillary:!1,limit:r=>4*r+4096,pixels:!0},blocks:{number:3,ancillary:!1,limit:r=>4*r+4096,pixels:!0},icc:{number:16,ancillary:!0,limit:q},exif:{number:17,ancillary:!0,limit:q},xmp:{number:18,ancillary:!0,limit:q},comment:{number:19,ancillary:!0,limit:q},source:{number:20,ancillary:!0,limit:()=>100,check:r=>r.length&&r.every(e=>e>=32&&e<127)?void 0:"section source is not the name of a mode in printable ASCII"},resolution:{number:21,ancillary:!0,limit:q},preview:{number:22,ancillary:!0,limit:q}},J=r=>r&En;function it(r,e,t,n){let i=Object.entries(Pn).find(([,f])=>f.number===J(r));if(!i){if(r&ot)return;throw A(`the file needs section ${J(r)}, which this version does not know`)}let[o,a]=i;if(a.pixels&&r&st)throw A(`the ${o} section is deflated twice`);if(!!(r&ot)!==a.ancillary)throw A(`section ${o} has a wrong ancillary bit`);let u=a.limit(t,n),l=!!(r&st),[c,h]=l?_(e,0):[e.length,0];if(c>u)throw new U("LimitExceeded",`${o} of ${c} bytes is above ${u}`);let m=l?Tn(o,e.subarray(h),c):e,d=a.check?.(m);if(d)throw A(d);return[o,m]}function Tn(r,e,t){try{return ae(e,t)}catch(n){if(!(n instanceof S))throw n;let s=n.reason==="length"?" to the length it announces":"";throw A(`${r} does not inflate${s}`)}}var ce=1024,In=Uint8Array.of(137,84,67,90),at=1,Re=10,ct=1,ut=2,lt=1e3,ht=65535,mt=1<<24,dt=32,j=4,ft={maxPixels:2e8,maxSection:1<<25};function Be(r,e=ft){if(!r.length)throw A("the file is empty");if(!Y(r.subarray(0,4),In))throw A("this is not a .tcz file");if(r.length<Re)throw A("the file is cut short inside its header");let t=r[4]>>4,n=r[4]&15;if(t!==at)throw A(`format version ${t}; this program reads version ${at}`);if(n&~(ct|ut))throw A("the file uses a feature of a later version of the format");let[s,i]=_(r,Re),[o,a]=_(r,i);_n(s,o,e);let[u,l]=_(r,a);if(u>lt)throw A(`setting ${u} is above ${lt}`);let[c,h]=[0,l];if(n&ut&&([c,h]=_(r,h),c<1||c>dt))throw A(`the header announces ${c} sections, not 1 .. ${dt}`);let m=ie(r.subarray(5,Re));return{width:s,height:o,setting:u,modelId:m,grey:!!(n&ct),sections:c,size:h}}function _n(r,e,t){let n=s=>{throw new U("LimitExceeded",s)};if((r<1||e<1)&&n(`a picture of ${r} x ${e} pixels has no pixels`),Math.max(r,e)>ht&&n(`${r} x ${e} pixels: a side may have at most ${ht} pixels`),r*e>t.maxPixels){let s=Number((t.maxPixels/1e6).toPrecision(6));n(`${r} x ${e} pixels is above the limit of ${s} megapixels`)}}function $e(r,e=ft){let t=Be(r,e),n=r.subarray(0,t.size),[s,i]=Rn(r,t),o=i,a=new Uint8Array(0),u=(m,d)=>{if(m>r.length-o-j)throw A("the file is cut short");let f=r.subarray(o,o+j),b=r.subarray(o+j,o+j+m);o+=j+m;let p=Y(f,tt(V(a,n,d,Te(m),b)));return a=f,p?b:void 0},l=s.map((m,d)=>{let f=u(m,Te(d));if(f)return f;let b=s.length>1?` in tile group ${d} of ${s.length}`:"";throw A(`the file is damaged${b}: the checksum does not match`)}),c={},h=0;for(let m=0;m<t.sections;m++){let d=r[o];if(d===void 0)throw A("the file is cut short: a section is missing");let[f,b]=_(r,o+1);o=b;let p=u(f,Uint8Array.of(d));if(!p)throw A("the file is damaged in a section: the checksum does not match");if(J(d)<=h)throw A("the sections of the file are out of order");h=J(d);let g=it(d,p,t.width*t.height,e);g&&(c[g[0]]=g[1])}if(o!==r.length)throw A(`${r.length-o} bytes follow the end of the file's content`);if(c.exact&&(c.blocks||l.some(m=>m.length)))throw A("the file holds its pixels twice");return{...t,tiles:l,bodies:c}}function Rn(r,e){let t=Math.ceil(e.width/ce)*Math.ceil(e.height/ce),n=e.sections?t:t-1;if(n+t*j>r.length-e.size)throw A(`the file is too short for its ${t} tile group${t>1?"s":""}`);let s=[],i=l=>{if(l>mt)throw A(`a tile group of ${l} bytes is above ${mt}`);s.push(l)},o=e.size,a;for(let l=0;l<n;l++)[a,o]=_(r,o),i(a);let u=r.length-o-t*j-s.reduce((l,c)=>l+c,0);if(u<0)throw A("the file is cut short");return e.sections||i(u),[s,o]}var Bn=Uint32Array.of(1779033703,3144134277,1013904242,2773480762,1359893119,2600822924,528734635,1541459225),Z=64,Q=64,bt=new Int32Array(Z);for(let r=2,e=0;e<Z;r++){let t=!0;for(let n=2;n*n<=r;n++)t&&=r%n>0;t&&(bt[e++]=Math.cbrt(r)%1*2**32)}async function gt(r){let{subtle:e}=crypto;return e?new Uint8Array(await e.digest("SHA-256",r)):$n(r)}function $n(r){let e=Int32Array.from(Bn),t=r.length-r.length%Q;pt(e,r.subarray(0,t));let n=r.length-t,s=new Uint8Array(n+9>Q?2*Q:Q);s.set(r.subarray(t)),s[n]=128,new DataView(s.buffer).setBigUint64(s.length-8,8n*BigInt(r.length)),pt(e,s);let i=new DataView(new ArrayBuffer(4*e.length));return e.forEach((o,a)=>{i.setInt32(4*a,o)}),new Uint8Array(i.buffer)}function pt(r,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=new Int32Array(Z);for(let s=0;s<e.length;s+=Q){for(let d=0;d<16;d++)n[d]=t.getInt32(s+4*d);for(let d=16;d<Z;d++){let[f,b]=[n[d-15],n[d-2]],p=C(f,7)^C(f,18)^f>>>3,g=C(b,17)^C(b,19)^b>>>10;n[d]=n[d-16]+p+n[d-7]+g}let[i,o,a,u,l,c,h,m]=r;for(let d=0;d<Z;d++){let f=C(l,6)^C(l,11)^C(l,25),b=m+f+(l&c^~l&h)+bt[d]+n[d],g=(C(i,2)^C(i,13)^C(i,22))+(i&o^i&a^o&a);[m,h,c,l,u,a,o,i]=[h,c,l,u+b|0,a,o,i,b+g|0]}[i,o,a,u,l,c,h,m].forEach((d,f)=>r[f]+=d)}}function C(r,e){return r>>>e|r<<32-e}var Ln={gated:!1,dec_attention:1,renderer:0,one_pass:0,centroids:!1,trellis:0,spacing:[16,16],start:[]},wt=1,O=64,ee=class{constructor(e,t,n,s){this.id=e;this.config=t;this.tensors=n;this.realism=s;let{groups:i,coarse:o,patch:a,staged:u}=t;this.sizes=i.map((c,h)=>h<o?c:c/4);let l=(c,h)=>c+h;this.coarse=this.sizes.slice(0,o).reduce(l,0),this.fine=this.sizes.slice(o).reduce(l,0),this.token=a*(u?2:1)}id;config;tensors;realism;sizes;coarse;fine;token;tensor(e){let t=this.tensors.get(e);if(!t)throw B(`the tensor ${e} is missing`);return t}attending(e){let t=this.config.dec_attention,n=[];if(t)for(let s=Math.min(t,e)-1;s>=0&&s<e;s+=t)n.push(s);return n}},[ue,le]=["model.safetensors","realism.safetensors"];async function yt(r){let{format:e,model_id:t,model:n,realism:s}=Le(await r("config.json"));if(e!==wt)throw B(`format ${e}; this program reads format ${wt}`);if(!n)throw B("config.json names no model");let i={...Ln,...n};if(1e3%(i.knots-1)!==0)throw B(`knots - 1 must divide 1000, not be ${i.knots-1}`);zn(i);let o=async(l,c)=>{let[h,m]=Fn(l,await r(l,c));if(await On(n,m)!==c)throw B(`${l}: not the weights that config.json names`);return h},a=await o(ue,t),u=s&&(()=>o(le,s.id));return new ee(t,i,a,u)}function zn({trellis:r,spacing:e,centroids:t}){let n=(a,u,l)=>Number.isInteger(a)&&a>=u&&a<=l;if(r!==0&&(!n(r,2,O-1)||t))throw B("trellis must be 0 or 2 to 63, and not together with centroids");if(!(Array.isArray(e)&&e.length===2)||!e.every(a=>n(a,2,64)))throw B("spacing must be two numbers from 2 to 64");let[i,o]=e;if(o%2)throw B("the second spacing must be even");if(!r&&(i!==16||o!==16))throw B("spacing other than 16 needs a trellis")}function Le(r){let e=vt("config.json",r);if(typeof e.model_id!="string")throw B("config.json names no model");return e}function vt(r,e){let t;try{t=JSON.parse(new TextDecoder().decode(e))}catch{}if(typeof t!="object"||!t)throw B(`${r} is damaged`);return t}function B(r){return new U("BadModel",r)}var Cn=new Float32Array(65536).map((r,e)=>{let t=e>>10&31,n=(e&1023)/1024,s=t?(1+n)*2**(t-15):n*2**-14;return e&32768?-s:s}),Nn={F16:["float16",r=>Float32Array.from(new Uint16Array(r),e=>Cn[e]),2],F32:["float32",r=>new Float32Array(r),4],I8:["int8",r=>new Int8Array(r),1],U8:["uint8",r=>new Uint8Array(r),1],I32:["int32",r=>new Int32Array(r),4]};function Fn(r,e){let t=new DataView(e.buffer,e.byteOffset,e.length),n=e.length<8?1/0:8+Number(t.getBigUint64(0,!0));if(n>e.length)throw B(`${r} is cut short`);let s=vt(r,e.subarray(8,n)),i=new Map,o=[];for(let[a,{dtype:u,shape:l,data_offsets:c}]of Object.entries(s)){if(a==="__metadata__")continue;let h=Nn[u];if(!h)throw B(`the tensor ${a} is ${u}`);let m=e.subarray(n+c[0],n+c[1]),d=l.reduce((b,p)=>b*p,1);if(m.length!==d*h[2])throw B(`${r} is cut short`);i.set(a,{values:h[1](m.slice().buffer),shape:l});let f=l.length===1?`${l[0]},`:l.join(", ");o.push([a,`${a}|torch.${h[0]}|(${f})|`,m])}return[i,o]}async function On(r,e){let t=new TextEncoder,n=[t.encode(Gn(r))];for(let[,i,o]of e.sort(([a],[u])=>a<u?-1:1))n.push(t.encode(i),o);let s=new Uint8Array(await new Blob(n).arrayBuffer());return ie((await gt(s)).subarray(0,8))}var Dn=new Set(["lambda_min","lambda_max"]);function Gn(r){return`{${Object.entries(r).sort(([n],[s])=>n<s?-1:1).map(([n,s])=>{let i=Dn.has(n)&&typeof s=="number";return`${xt(n)}: ${i?jn(s):At(s)}`}).join(", ")}}`}function At(r){return Array.isArray(r)?`[${r.map(At).join(", ")}]`:xt(r)}function xt(r){let e=t=>`\\u${t.charCodeAt(0).toString(16).padStart(4,"0")}`;return JSON.stringify(r).replace(/[^ -~]/g,e)}function jn(r){return r!==0&&(Math.abs(r)<1e-4||Math.abs(r)>=1e16)?r.toExponential().replace(/e([+-])(\d)$/,"e$10$2"):Number.isInteger(r)?`${r}.0`:String(r)}function he({values:r,shape:e},t){let[n,s]=e,i=t*(n-1)/1e3,o=Math.min(Math.floor(i),n-2),a=i-o;return Float32Array.from({length:s},(u,l)=>r[o*s+l]*(1-a)+r[(o+1)*s+l]*a)}var ze=[[-1,0],[1,0],[0,-1],[0,1]],Hn=[[-1,-1],[-1,1],[1,-1],[1,1]],Mt=[-1,0,1].flatMap(r=>[-1,0,1].map(e=>[r,e])),Wn=31,Kn=3,Vn=8,Ut=32,kt=128,qn=64,H=r=>r%2===0,Yn=[{sites:(r,e)=>r%4===0&&e%4===0,distance:2,net:"far"},{sites:(r,e)=>r%4===2&&e%4===2,distance:2,net:"far"},{sites:(r,e)=>H(r)&&H(e)&&r%4===0!=(e%4===0),distance:2,net:"far"},{sites:(r,e)=>!H(r)&&!H(e),distance:1,net:"diagonal"},{sites:(r,e)=>!H(r+e),distance:1,net:"groups.0"}];function Xn(r){return[{sites:(e,t)=>H(e+t),distance:1,net:r},{sites:(e,t)=>!H(e+t),distance:1,net:r}]}var Ce=r=>Math.ceil(r/8)*8,me=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t;this.span=Math.floor(1e3/(n.knots-1)),this.trellis=n.trellis||O,this.tables=this.readTables(),this.feature=e.put(t.tensor("int.feature").values),this.centroids=n.centroids?this.readCentroids():0,this.coder=e.zeros(64),this.counts=e.zeros(4*O),this.layer("hs"),this.layer("lift1"),this.layer("lift2");for(let s of[...n.groups.map((i,o)=>`groups.${o}`),"far","diagonal"])this.layer(`${s}.fc1`),this.layer(`${s}.fc2`),this.layer(`${s}.out`,Kn)}machine;model;span;layers=new Map;tables;feature;centroids;trellis;coder;counts;biases=[];setting=-1;bases=new Int32Array(0);hyperIndex=new Uint8Array(0);readTables(){let e=this.model.tensor("int.tables").values,t=this.model.tensor("int.table_sizes").values,n=2*O-this.trellis;if(t.length!==n)throw new U("BadModel",`the model has ${t.length} symbol tables, not ${n}`);let s=new Int32Array(2*kt+3),i=0;return t.forEach((o,a)=>{let u=new Int32Array(o+1);for(let l=0,c=0;l<o;l++)c+=e[i+l],u[l+1]=Math.floor(c*(2**24-o)/65536)+l+1;i+=o,s.set([this.machine.put(u),(o-2)/2],2*a)}),s.set([0,2**23,2**24],2*kt),this.machine.put(s)}readCentroids(){let e=new Int32Array(4*O);return e.set(this.model.tensor("int.centroids").values,O),this.machine.put(e)}layer(e,t=0){let{machine:n,model:s}=this,{values:i,shape:o}=s.tensor(`int.${e}.weight`),[a,u]=o,l=Ce(a),c=Ce(u),h=new Int16Array(l*c);for(let p=0;p<a;p++){let g=(p>>2)*4*c+(p&3)*8;for(let w=0;w<u;w++)h[g+(w>>3)*32+(w&7)]=i[p*u+w]}let m=new Int32Array(l).fill(1);if(m.set(s.tensor(`int.${e}.shift`).values),t)for(let p=a/2;p<a;p++)m[p]-=t;let d=n.zeros(4*l),f=s.tensor(`int.${e}.bias`);this.biases.push(p=>{let g=f.shape[0]===1?f.values:this.interpolate(f,p),w=n.i32(d,a);for(let y=0;y<a;y++)w[y]=g[y]+(1<<m[y]-1)});let b=n.put(h);this.layers.set(e,{weights:b,bias:d,shift:n.put(m),outputs:l,inputs:c})}interpolate({values:e,shape:t},n){let{span:s}=this,[i,o]=t,a=Math.min(Math.floor(n/s),i-2),u=n-a*s;return Int32Array.from({length:o},(l,c)=>{let h=e[a*o+c]*(s-u)+e[(a+1)*o+c]*u;return Math.floor((h+Math.floor(s/2))/s)})}use(e){if(e===this.setting)return;for(let n of this.biases)n(e);this.bases=this.interpolate(this.model.tensor("int.base"),e);let t=this.interpolate(this.model.tensor("int.hyper_base"),e);this.hyperIndex=Uint8Array.from(t,n=>Math.min(63,Math.max(0,n+8>>4))),this.setting=e}present(e){if(!e.length)return[0,0];let t=this.model.sizes.length,[n,s]=t>Vn?_(e,0):[e[0],1];if(!n||n>=2**t)throw A("a tile group names latent groups that its model does not have");return[n,s]}decode(e,t,n,s,i){let{model:o,machine:a}=this,[u,l]=this.present(e);if(o.config.start.findIndex((f,b)=>u&1<<b&&f>t)>=0)throw A("a tile group names latent groups that its setting does not have");let h=u&(1<<i)-1,m=[n*s*o.coarse,4*n*s*o.fine];if(!h)return{coarse:new Int32Array(m[0]),fine:new Int32Array(m[1])};let d=e.subarray(l);if(d.at(-1)===0)throw A("a tile group's code ends in a zero byte");return this.use(t),a.within(()=>{let f=a.put(d,Math.ceil(d.length/4)*4);a.kernels.start(this.coder,f,Math.ceil(d.length/4));let b=a.zeros(4*m[0]),p=a.zeros(4*m[1]);if(this.walk(h,n,s,b,p),h===u&&!a.kernels.finished(this.coder))throw A("a tile group's code does not end where its symbols end");return{coarse:a.i32(b,m[0]).slice(),fine:a.i32(p,m[1]).slice()}})}walk(e,t,n,s,i){let{machine:o,model:a}=this,{config:u,sizes:l}=a,c=this.hyper(t,n),h=[],m=c,d=0,f=0,b=32-Math.clz32(e);for(let p=0;p<b;p++){let g=p>=u.coarse;p===u.coarse&&(m=this.lift(c,h,t,n),d=p);let[w,y]=g?[2*t,2*n]:[t,n],v=l[p],x=p<u.signed_groups?2*v:v,M={map:o.zeros(2*w*y*x),channels:x};if(e&1<<p){let E=g?a.fine:a.coarse,k=f-(g?a.coarse:0),T=(g?i:s)+4*k,I=h.slice(d),R=this.bases.subarray(f,f+v);this.group(p,{rows:w,columns:y,features:m,before:I,own:M,latents:T,all:E,bases:R})}h.push(M),f+=v}}group(e,t){let{machine:n,model:s}=this,{rows:i,columns:o,features:a,before:u,own:l,latents:c,all:h,bases:m}=t,{one_pass:d,signed_groups:f,spacing:b}=s.config,p=s.sizes[e],g=d>0&&e>=d,w=`groups.${e}`,y=e===0?Yn:g?[{sites:()=>!0,distance:1,net:w}]:Xn(w),v=(k,[T,I]=[0,0],R=1)=>({...k,place:[T*R,I*R]}),x=[a,...u].map(k=>v(k)),M=u.at(-1);M&&g?x.push({...M,place:[0,0],mean:!0}):M&&x.push(...ze.map(k=>v(M,k)));let E=n.put(m);y.forEach(({sites:k,distance:T,net:I},R)=>{let L=[];for(let z=0;z<i;z++)for(let F=0;F<o;F++)k(z,F)&&L.push(z<<16|F);L.length&&n.within(()=>{let z=e?ze:[...ze,...Hn],F=R&&!g?z.map(Pe=>v(l,Pe,T)):[],Se=L.length*p,Ze=n.alloc(4*Se),Ee=n.alloc(Se),et=n.put(Int32Array.from(L)),wn=["fc1","fc2","out"].map(Pe=>`${I}.${Pe}`),yn=[1,Ze,Ee,E,p];this.run(et,L.length,i,o,[...x,...F],wn,yn);let vn=this.symbols(Ee,Se,this.trellis);n.points([et,L.length,vn,Ze,Ee,p,this.centroids,c,4*h*o,4*h,l.map,o,+(e<f),this.feature,this.trellis,...b])})})}run(e,t,n,s,i,o,a){let{machine:u}=this,l=i.flatMap(({map:f,channels:b,place:p,mean:g})=>[f,b,...p,Number(g??!1)]),c=Ce(i.reduce((f,b)=>f+b.channels,0)),h=o.map(f=>this.layers.get(f)),m=[e,n,s,u.put(Int32Array.from(l)),i.length,c,h.length,...a,...h.flatMap(f=>[f.weights,f.bias,f.shift,f.outputs,f.inputs])],d=h.reduce((f,b)=>f+4*b.outputs,2*c);u.run("context",m,t,(Ut+1)*d,Ut)}symbols(e,t,n=O){let{machine:s,coder:i,tables:o,counts:a}=this,u=s.alloc(4*t),l=s.alloc(4*t+8*Math.ceil(t/qn));if(!s.kernels.pass(i,t,e,u,o,l,a,n))throw A("a latent is larger than the format allows");return u}hyper(e,t){let{machine:n,model:s}=this,{hyper:i,hidden:o}=s.config,[a,u]=[Math.ceil(e/2),Math.ceil(t/2)],l={map:n.zeros(2*e*t*o),channels:o};return n.within(()=>{let c=a*u*i,h=n.alloc(c);for(let b=0;b<a*u;b++)n.u8(h+b*i,i).set(this.hyperIndex);let m=n.i32(this.symbols(h,c),c);if(m.some(b=>Math.abs(b)>Wn))throw A("a hyper-latent is larger than the format allows");let d=n.put(Int16Array.from(m,b=>4*b)),f=Mt.map(b=>({map:d,channels:i,place:b}));this.run(this.grid(a,u),a*u,a,u,f,["hs"],[0,l.map,e,t,o])}),l}lift(e,t,n,s){let{machine:i,model:o}=this,a=o.config.fine_hidden,u={map:i.zeros(8*n*s*a),channels:a};return i.within(()=>{let l=Mt.flatMap(m=>t.map(d=>({...d,place:m}))),c=[{...e,place:[0,0]},...l],h=[0,u.map,2*n,2*s,a];this.run(this.grid(n,s),n*s,n,s,c,["lift1","lift2"],h)}),u}grid(e,t){let n=new Int32Array(e*t);for(let s=0;s<n.length;s++)n[s]=Math.floor(s/t)<<16|s%t;return this.machine.put(n)}};var Ne=16;function St(r,e,t){let{sizes:n}=r;if(t===1)return n.length;let s=Jn(r,t),i=r.tensor("tcae.std").values.map(h=>h*h),o=he(r.tensor("tcae.log_step"),e).map(h=>2**h),a=0;s.forEach((h,m)=>a+=h*Math.min(o[m]**2/12,i[m]));let u=n.length,l=s.length,c=0;for(;u>1;){let h=l;l-=n[u-1];for(let m=l;m<h;m++)c+=s[m]*i[m];if(c>Math.max(a/6,.25))break;u--}return u}function Jn(r,e){let t=r.tensor("tcae.shortcut.basis").values,n=r.tensor("tcae.shortcut.merge").values,s=Ne/e,i=3*s*s,o=t.length/(3*Ne*Ne),a=new Float64Array(o*i);for(let c=0;c<t.length;c++){let[h,m]=[c>>4&15,c&15],d=Math.floor(c/256)*s*s+Math.floor(h/e)*s;a[d+Math.floor(m/e)]+=t[c]/e**2}let u=r.coarse/4,l=new Float64Array(r.coarse+r.fine);for(let c=0;c<r.coarse;c++)for(let h=0;h<4;h++){let m=n.subarray(c*r.coarse+h*u,c*r.coarse+(h+1)*u);for(let d=0;d<i;d++){let f=0;for(let b=0;b<u;b++)f+=m[b]*a[b*i+d];l[c]+=f*f}}for(let c=u;c<o;c++){let h=0;for(let m=0;m<i;m++)h+=a[c*i+m]**2;l[r.coarse+c-u]=4*h}return l.map(c=>c*e**2/3072)}var Qn=10,Zn=50,Pt="the blocks section holds no AV1 of the form that is allowed";function Tt(r,e){let{level:t,grey:n,width:s,height:i}=er(r);if(!e(s,i))throw A("the blocks section has not the size of the picture");let o=[0,0,0,0],a=$("ipco",[...$("ispe",[...o,...K(s,4),...K(i,4)]),...$("pixi",[...o,...n?[1,8]:[3,8,8,8]]),...$("av1C",[129,(n?0:32)|t,n?28:0,0]),...$("colr",[...W("nclx"),0,1,0,13,0,6,128])]),u=$("ipma",[...o,...K(1,4),0,1,4,1,2,131,4]),l=$("infe",[2,0,0,0,0,1,0,0,...W("av01"),0]),c=b=>$("meta",[...o,...$("hdlr",[...o,0,0,0,0,...W("pict"),...new Array(13).fill(0)]),...$("pitm",[...o,0,1]),...$("iloc",[...o,68,0,0,1,0,1,0,0,0,1,...K(b,4),...K(r.length,4)]),...$("iinf",[...o,0,1,...l]),...$("iprp",[...a,...u])]),h=$("ftyp",[...W("avif"),0,0,0,0,...W("avifmif1miaf")]),m=[...h,...c(h.length+c(0).length+8)],d=[...K(r.length+8,4),...W("mdat")],f=new Uint8Array(m.length+d.length+r.length);return f.set(m),f.set(d,m.length),f.set(r,m.length+d.length),f}var W=r=>Array.from(r,e=>e.charCodeAt(0)),K=(r,e)=>Array.from({length:e},(t,n)=>r>>>8*(e-1-n)&255),$=(r,e)=>[...K(e.length+8,4),...W(r),...e];function er(r){let[e,t]=Et(r,Qn),[,n]=Et(t,Zn),s=0,i=p=>{let g=0;for(;p>0;p--,s++)g=2*g+((e[s>>3]??0)>>7-(s&7)&1);return g},[o,a,u,l]=[i(3),i(1),i(1),i(5)],[c,h]=[i(4)+1,i(4)+1],[m,d]=[i(c)+1,i(h)+1];i(6);let f=i(1),b=o===0&&i(1)===1;if(n.length||f||!a||!u||!(o===1||b))throw A(Pt);return{level:l,grey:b,width:m,height:d}}function Et(r,e){let t=0;for(let n=0;n<4&&r[0]===e;n++){let s=r[1+n];if(s===void 0)break;if(t+=(s&127)*128**n,s<128){if(t>r.length-2-n)break;return[r.subarray(2+n,2+n+t),r.subarray(2+n+t)]}}throw A(Pt)}var tr=Uint8Array.of(137,80,78,71,13,10,26,10),nr=0,rr=2;async function It(r,e,t){let n=r.bodies[e];if(n)return e==="alpha"&&n.length===2&&n[0]===0?new Uint8Array(r.width*r.height).fill(n[1]):Fe(r,e,n[0],n.subarray(1),t)}async function Fe({width:r,height:e},t,n,s,i){let o=n===1?"PNG":n===2?"WEBP":void 0;if(!o)throw A(`the ${t} section uses a method that this version does not know`);let a=o==="PNG"?sr(s):or(s);if(a[0]!==r||a[1]!==e)throw A(`the ${t} section has not the size of the picture`);let u=`the ${t} section holds no ${o} of the form that is allowed`;if(o==="PNG"){let c=ar(s,r,e,t!=="alpha");if(!c)throw A(u);return c}if(!ir(s))throw A(u);let l;try{l=await i(s,r,e,"image/webp")}catch{throw A(`the ${t} section cannot be decoded`)}return t!=="alpha"?Oe(l):new Uint8Array(r*e).map((c,h)=>l[4*h+1])}function Oe(r){let e=new Uint8Array(r.length/4*3);for(let t=0;4*t<r.length;t++)for(let n=0;n<3;n++)e[3*t+n]=r[4*t+n];return e}function De(r,e,t,n,s){if(s===1)return r;let i=Math.ceil(e/s),o=Math.ceil(t/s),a=new Uint8Array(i*o*n);for(let u=0;u<o;u++){let l=Math.min((u+1)*s,t);for(let c=0;c<i;c++){let h=Math.min((c+1)*s,e),m=(l-u*s)*(h-c*s);for(let d=0;d<n;d++){let f=m>>1;for(let b=u*s;b<l;b++)for(let p=c*s;p<h;p++)f+=r[(b*e+p)*n+d];a[(u*i+c)*n+d]=Math.floor(f/m)}}}return a}function te(r){return new DataView(r.buffer,r.byteOffset,r.byteLength)}function ne(r,e,t){return Array.from(t).every((n,s)=>r[e+s]===n.charCodeAt(0))}function sr(r){return r.length<24||!ne(r,12,"IHDR")?[0,0]:[te(r).getUint32(16),te(r).getUint32(20)]}function or(r){if(r.length<25||!ne(r,12,"VP8L"))return[0,0];let e=te(r).getUint32(21,!0);return[(e&16383)+1,(e>>>14&16383)+1]}function ir(r){let e=te(r),t=e.getUint32(16,!0),n=r.length===8+e.getUint32(4,!0)&&r.length===20+t+t%2&&!(t%2&&r[20+t]),s=r[20]===47&&e.getUint32(21,!0)<1<<28;return ne(r,0,"RIFF")&&ne(r,8,"WEBP")&&n&&s}function ar(r,e,t,n){if(!Y(r.subarray(0,8),tr))return;let s=cr(r),[i,o,...a]=r.subarray(24,29);if(!s||!(n?i===8&&o===rr:o===nr&&(i===1||i===8))||a.some(d=>d))return;let l=n?3:1,c=Math.ceil(e*i*l/8),h;try{h=ae(s,(1+c)*t)}catch(d){if(d instanceof S)return;throw d}let m=ur(h,c,t,l);return!m||i===8?m:new Uint8Array(e*t).map((d,f)=>{let b=f%e;return m[Math.floor(f/e)*c+(b>>3)]>>7-(b&7)&1?255:0})}function cr(r){let e=te(r),t=[];for(let n=8,s=0;n+12<=r.length;s++){let i=n+12+e.getUint32(n);if(i>r.length)return;let o=r.subarray(n+4,i-4);if(V(o)!==e.getUint32(i-4))return;let a=["IHDR","IDAT","IEND"].find(u=>ne(o,0,u));if(!a||a==="IHDR"!=(s===0)||!s&&o.length!==17)return;if(a==="IEND"){if(i!==r.length||o.length!==4)return;let u=new Uint8Array(t.reduce((c,h)=>c+h.length,0)),l=0;for(let c of t)u.set(c,l),l+=c.length;return u}a==="IDAT"&&t.push(o.subarray(4)),n=i}}function ur(r,e,t,n){let s=new Uint8Array(e*t);for(let i=0;i<t;i++){let o=i*(e+1),a=i*e,u=r[o];if(u>4)return;for(let l=0;l<e;l++){let c=l>=n?s[a+l-n]:0,h=i?s[a+l-e]:0,m=i&&l>=n?s[a+l-e-n]:0,d=[0,c,h,c+h>>1,lr(c,h,m)][u];s[a+l]=r[o+1+l]+d}}return s}function lr(r,e,t){let n=Math.abs(e-t),s=Math.abs(r-t),i=Math.abs(r+e-2*t);return n<=s&&n<=i?r:s<=i?e:t}var de=64,_t=3;async function Rt(r,e){let t=r.bodies.blocks;if(!t)return;let n=t[0];if(n!==1&&n!==2&&n!==_t)throw A("the blocks section uses a method that this version does not know");let s=Math.ceil(r.width/de),i=s*Math.ceil(r.height/de),o=[],a=1;for(let c=!1;o.length<i;c=!c){let[h,m]=_(t,a);if(h>i-o.length||h===0&&(c||o.length))throw A("the blocks section has runs that do not fit the picture");o.push(...new Array(h).fill(c)),a=m}if(!o.includes(!0))throw A("the blocks section holds no block");if(!o.includes(!1)&&r.tiles.some(c=>c.length))throw A("the file holds its pixels twice");let u=t.subarray(a);if(n!==_t)return{columns:s,mask:o,samples:await Fe(r,"blocks",n,u,e)};let l=Tt(u,(c,h)=>c===r.width&&h===r.height);try{let c=await e(l,r.width,r.height,"image/avif");return{columns:s,mask:o,samples:Oe(c)}}catch{throw A("the blocks section cannot be decoded")}}var Bt="Exif\0\0";var hr={1:[1],2:[1],3:[2,(r,e,t)=>r.getUint16(e,t)],4:[4,(r,e,t)=>r.getUint32(e,t)],5:[8,(r,e,t)=>r.getUint32(e,t)/r.getUint32(e+4,t)],6:[1,(r,e)=>r.getInt8(e)],7:[1],8:[2,(r,e,t)=>r.getInt16(e,t)],9:[4,(r,e,t)=>r.getInt32(e,t)],10:[8,(r,e,t)=>r.getInt32(e,t)/r.getInt32(e+4,t)],11:[4,(r,e,t)=>r.getFloat32(e,t)],12:[8,(r,e,t)=>r.getFloat64(e,t)]};function $t(r){let e=[],t=r;for(;Ge(t,Bt);)t=t.subarray(Bt.length);let n=Ge(t,"II");if(t.length<8||!(n||Ge(t,"MM")))return e;let s=new DataView(t.buffer,t.byteOffset,t.length),i=s.getUint32(4,n);if(!i||i+2>t.length)return e;let o=Math.min(i+2+12*s.getUint16(i,n),t.length);for(let a=i+2;a+12<=o;a+=12){let[u,l]=hr[s.getUint16(a+2,n)]??[1],c=u*s.getUint32(a+4,n),h=c>4?s.getUint32(a+8,n):a+8,m=c>0&&h+c<=t.length;e.push([s.getUint16(a,n),l&&m?l(s,h,n):NaN])}return e}function Ge(r,e){return Array.from(e).every((t,n)=>r[n]===t.charCodeAt(0))}var mr=274,[dr,fr,pr]=[282,283,296],zt=2,br={[zt]:1,3:2.54},gr=.013,wr=72e3;function Ct({xmp:r,comment:e,exif:t,resolution:n}){for(let[a,u]of Object.entries({xmp:r,comment:e}))if(u&&!nt(u))throw A(`the ${a} section is not valid UTF-8`);let s=t?$t(t):[];if(s.some(([a,u])=>a===mr&&u!==1))throw A("the exif section has an orientation, but pixels are stored upright");if(!n)return;let i=yr(n);if(vr(new Map(s))?.every((a,u)=>a===i[u]))throw A("the resolution section says what the exif section says already")}function yr(r){let[e,t]=_(r,0),[n,s]=_(r,t);if(s!==r.length||!e||!n)throw A("the resolution section is not as it should be");return[e,n]}function vr(r){let e=br[r.get(pr)??zt]??NaN,[t,n]=[dr,fr].map(i=>(r.get(i)??NaN)*e);if(![t,n].every(i=>i>=.001&&i<1e6))return;let s=[Lt(t),Lt(n)];return s.every(i=>i===wr)?void 0:s}function Lt(r){let e=Math.round(r);if(Math.abs(r-e)<gr)return 1e3*e;let t=Math.round(1e3*Number(r.toFixed(3)));return 16*r%2===1&&t%2?t-1:t}var Nt=`// Kernels of the synthesis for WebGPU (docs/reference/format.md, section 9).
//
// They work on a copy of the memory of the kernels in WebAssembly, at the same addresses. A job's
// numbers are those of assembly/synthesis.ts where a comment says nothing else. Addresses are in
// bytes. Most kernels compute one value in each thread; the last number is how many there are.
//
// HEAD is put before this text: values in a head of the attention.

const THREADS = 64;
const ACCUMULATE = 1; // add to what stands in the output
const HSWISH = 2; // pass the result through hswish

struct Job { numbers: array<vec4<i32>, 5> }

// Not floats: the bits of a whole number are no float that a GPU keeps as it is.
@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> job: Job;

fn at(i: i32) -> i32 { return job.numbers[i / 4][i % 4]; }
fn address(i: i32) -> i32 { return at(i) / 4; }
fn load(i: i32) -> f32 { return bitcast<f32>(memory[i]); }
fn store(i: i32, v: f32) { memory[i] = bitcast<u32>(v); }
fn hswish(v: f32) -> f32 { return v * clamp(v + 3, 0, 6) / 6; }

/// Workgroups stand in rows, as one row has a limit.
fn number(group: vec3u, groups: vec3u) -> i32 { return i32(group.y * groups.x + group.x); }

/// The value that a thread computes, or -1.
fn unit(group: vec3u, groups: vec3u, thread: u32) -> i32 {
  let i = number(group, groups) * THREADS + i32(thread);
  return select(-1, i, i < at(19));
}

// A workgroup multiplies ROWS rows by COLUMNS columns, STEP inputs at a time, and each of its
// threads four rows by eight columns.
const ROWS = 32;
const COLUMNS = 64;
const STEP = 16;
var<workgroup> tokens: array<f32, 512>; // ROWS x STEP
var<workgroup> weights: array<f32, 1024>; // STEP x COLUMNS

/// out = x w + bias: as \`dense\`, then the number of rows.
@compute @workgroup_size(64)
fn dense(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let x = address(0); let xs = address(1);
  let w = address(2); let ws = address(3); let ps = address(4);
  let inputs = at(8); let outputs = at(9); let mode = at(10); let rows = at(11);
  let thread = i32(index);
  let row = i32(group.y) * ROWS;
  let column = i32(group.x) * COLUMNS;
  let ownRow = thread / 8 * 4;
  let ownColumn = thread % 8 * 8;
  var sums: array<array<f32, 8>, 4>;
  for (var first = 0; first < inputs; first += STEP) {
    for (var i = thread; i < ROWS * STEP; i += THREADS) {
      let r = row + i / STEP;
      let input = first + i % STEP;
      var v = 0.0;
      if (r < rows && input < inputs) { v = load(x + r * xs + input); }
      tokens[i] = v;
    }
    for (var i = thread; i < STEP * COLUMNS; i += THREADS) {
      let input = first + i / COLUMNS;
      let output = column + i % COLUMNS;
      var v = 0.0;
      if (input < inputs && output < outputs) {
        v = load(w + output / 8 * ps + input * ws + output % 8);
      }
      weights[i] = v;
    }
    workgroupBarrier();
    for (var i = 0; i < STEP; i++) {
      for (var r = 0; r < 4; r++) {
        let v = tokens[(ownRow + r) * STEP + i];
        for (var c = 0; c < 8; c++) { sums[r][c] += v * weights[i * COLUMNS + ownColumn + c]; }
      }
    }
    workgroupBarrier();
  }
  for (var r = 0; r < 4; r++) {
    for (var c = 0; c < 8; c++) {
      let output = column + ownColumn + c;
      if (row + ownRow + r >= rows || output >= outputs) { continue; }
      let to = address(6) + (row + ownRow + r) * address(7) + output;
      var v = sums[r][c];
      if (at(5) != 0) { v += load(address(5) + output); }
      if ((mode & ACCUMULATE) != 0) { v += load(to); }
      if ((mode & HSWISH) != 0) { v = hswish(v); }
      store(to, v);
    }
  }
}

var<workgroup> parts: array<f32, 64>;

/// The sum of a value over the threads of a workgroup.
fn total(value: f32, thread: u32) -> f32 {
  parts[thread] = value;
  for (var n = 32u; n > 0; n /= 2) {
    workgroupBarrier();
    if (thread < n) { parts[thread] += parts[thread + n]; }
  }
  let sum = workgroupUniformLoad(&parts[0]);
  workgroupBarrier();
  return sum;
}

/// Tokens with mean 0 and variance 1: in, out, channels, scale, shift, tokens. A workgroup each.
@compute @workgroup_size(64)
fn norm(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let channels = at(2);
  let token = min(number(group, groups), at(5) - 1); // all threads must reach the barriers
  let x = address(0) + token * channels;
  var sum = 0.0;
  for (var c = i32(thread); c < channels; c += THREADS) { sum += load(x + c); }
  let mean = total(sum, thread) / f32(channels);
  sum = 0;
  for (var c = i32(thread); c < channels; c += THREADS) {
    let off = load(x + c) - mean;
    sum += off * off;
  }
  let factor = 1 / sqrt(total(sum, thread) / f32(channels) + 1e-5);
  for (var c = i32(thread); c < channels; c += THREADS) {
    let v = (load(x + c) - mean) * factor;
    store(address(1) + token * channels + c, v * load(address(3) + c) + load(address(4) + c));
  }
}

/// Attention: qkv of all tokens, out, height, width, channels, window, shift, heads, windows in a
/// row, biases by places, windows. A workgroup for each head of each window, a thread for each
/// token. One pass: sums are scaled down when a higher score comes.
@compute @workgroup_size(64)
fn attention(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let heads = at(7);
  let whole = side * side;
  let window = number(group, groups) / heads;
  if (window >= at(10)) { return; }
  let head = number(group, groups) % heads;
  let before = select(0, side - at(6), at(6) != 0);
  let top = window / at(8) * side - before;
  let left = window % at(8) * side - before;
  for (var own = i32(thread); own < whole; own += THREADS) {
    let y = top + own / side;
    let x = left + own % side;
    if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
    let query = address(0) + (y * w + x) * 3 * d + head * HEAD;
    var most = -1e30;
    var weight = 0.0;
    var sums: array<f32, HEAD>;
    for (var other = 0; other < whole; other++) {
      let y = top + other / side;
      let x = left + other % side;
      if (y < 0 || x < 0 || y >= h || x >= w) { continue; }
      let key = address(0) + ((y * w + x) * 3 + 1) * d + head * HEAD;
      var score = load(address(9) + (head * whole + own) * whole + other);
      for (var i = 0; i < HEAD; i++) { score += load(query + i) * load(key + i); }
      let highest = max(most, score);
      let old = exp(most - highest);
      let new_ = exp(score - highest);
      weight = weight * old + new_;
      for (var i = 0; i < HEAD; i++) { sums[i] = sums[i] * old + new_ * load(key + d + i); }
      most = highest;
    }
    let out = address(1) + (y * w + x) * d + head * HEAD;
    for (var i = 0; i < HEAD; i++) { store(out + i, sums[i] / weight); }
  }
}

/// Values of the first half of a row times the hswish of the second: rows, values in a half.
@compute @workgroup_size(64)
fn gate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let x = address(0) + i / at(1) * 2 * at(1) + i % at(1);
  store(x, load(x) * hswish(load(x + at(1))));
}

@compute @workgroup_size(64)
fn scale(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let v = f32(bitcast<i32>(memory[address(0) + i]));
  store(address(1) + i, v * load(address(3) + i % at(2)));
}

@compute @workgroup_size(64)
fn shuffle(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let w = at(2); let n = at(3); let d = at(4);
  let x = to / d % (w * n);
  let y = to / d / (w * n);
  let part = (y / n * w + x / n) * n * n + y % n * n + x % n;
  store(address(1) + to, load(address(0) + part * d + to % d));
}

@compute @workgroup_size(64)
fn near(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let to = unit(group, groups, thread);
  if (to < 0) { return; }
  let h = at(2); let w = at(3); let d = at(4); let side = at(5);
  let c = to % d;
  let x = to / d % w - side / 2;
  let y = to / d / w - side / 2;
  var sum = load(address(7) + c);
  for (var i = max(0, -y); i < min(side, h - y); i++) {
    for (var j = max(0, -x); j < min(side, w - x); j++) {
      let weight = load(address(6) + (i * side + j) * d + c);
      sum += weight * load(address(0) + ((y + i) * w + x + j) * d + c);
    }
  }
  store(address(1) + to, sum);
}

/// Where a value of a patch stands in planes: cells in a row, cells in a column, n.
fn inPlanes(i: i32, across: i32, down: i32, n: i32) -> i32 {
  let value = i % (3 * n * n);
  let cell = i / (3 * n * n);
  let y = cell / across * n + value / n % n;
  let x = cell % across * n + value % n;
  return (value / (n * n) * down * n + y) * across * n + x;
}

/// Patches into planes: patches, planes, cells in a row, cells in a column, n, whether to add.
@compute @workgroup_size(64)
fn place(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let to = address(1) + inPlanes(i, at(2), at(3), at(4));
  var v = load(address(0) + i);
  if (at(5) != 0) { v += load(to); }
  store(to, v);
}

/// Planes as patches: the numbers of \`place\`.
@compute @workgroup_size(64)
fn patches(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  store(address(0) + i, load(address(1) + inPlanes(i, at(2), at(3), at(4))));
}

/// z = shift + z (1 + gain): shifts and gains of each token, z, tokens in a row, cells per side of a
/// token, channels of z.
@compute @workgroup_size(64)
fn modulate(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let w = at(2); let n = at(3); let c = at(4);
  let half = n * n * c;
  let x = i / c % (w * n);
  let y = i / c / (w * n);
  let token = y / n * w + x / n;
  let shift = address(0) + token * 2 * half + (y % n * n + x % n) * c + i % c;
  let z = load(address(1) + i);
  store(address(1) + i, z + load(shift) + z * load(shift + half));
}

/// 16 samples at \`start\`, \`step\` apart, times a matrix whose rows and columns are so far apart.
fn lap(start: i32, step: i32, matrix: i32, down: i32, across: i32) {
  var samples: array<f32, 16>;
  for (var i = 0; i < 16; i++) { samples[i] = load(start + i * step); }
  for (var j = 0; j < 16; j++) {
    var sum = 0.0;
    for (var i = 0; i < 16; i++) { sum += samples[i] * load(matrix + i * down + j * across); }
    store(start + j * step, sum);
  }
}

@compute @workgroup_size(64)
fn lapColumns(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = width / 16 - 1;
  let start = address(0) + i / borders * width + 8 + 16 * (i % borders);
  lap(start, 1, address(2), 16, 1);
}

@compute @workgroup_size(64)
fn lapRows(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1);
  let borders = at(3);
  let border = i / width;
  let row = border / borders * at(4) + border % borders * 16 + 8;
  lap(address(0) + row * width + i % width, width, address(2), 1, 16);
}

/// The sum of \`factor x factor\` samples from one of them on.
fn sumOf(first: i32, width: i32, factor: i32) -> f32 {
  var sum = 0.0;
  for (var y = 0; y < factor; y++) {
    for (var x = 0; x < factor; x++) { sum += load(first + y * width + x); }
  }
  return sum;
}

@compute @workgroup_size(64)
fn means(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(2);
  let columns = width / factor;
  let first = address(0) + i / columns * factor * width + i % columns * factor;
  var mean = sumOf(first, width, factor) / f32(factor * factor);
  if (at(4) != 0) { mean += load(address(3) + i); }
  store(address(3) + i, mean);
}

@compute @workgroup_size(64)
fn pixels(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = unit(group, groups, thread);
  if (i < 0) { return; }
  let width = at(1); let factor = at(3); let columns = at(6);
  let first = address(0) + ((at(7) + i / columns) * width + at(5) + i % columns) * factor;
  var levels: array<u32, 3>;
  for (var c = 0; c < 3; c++) {
    let mean = sumOf(first + c * width * at(2), width, factor) / f32(factor * factor);
    levels[c] = u32(round(clamp(mean + 128, 0, 255)));
  }
  if (at(8) != 0) {
    let grey = (levels[0] + levels[1] + levels[2] + 1) / 3;
    levels = array(grey, grey, grey);
  }
  memory[address(4) + i] = levels[0] | (levels[1] << 8) | (levels[2] << 16) | 0xff000000;
}
`;var xr=64,Mr=32768,[Ur,kr]=[32,64],je=16384,Ft=19,fe=256,Sr=1<<30,He=1,Er=2,Pr={scale:(r,e)=>e*r[2],shuffle:(r,e)=>e*r[2]*r[3]**2*r[4],near:(r,e)=>e*r[3]*r[4],lapColumns:(r,e)=>e*(r[1]/16-1),lapRows:(r,e)=>e*r[1],means:(r,e)=>e*r[1]/r[2],pixels:(r,e)=>e*r[6]},pe=class r{constructor(e,t,n){this.device=e;this.machine=t;this.room=e.limits.maxStorageBufferBindingSize,this.module=e.createShaderModule({code:`const HEAD = ${n};
${Nt}`});let s=GPUShaderStage.COMPUTE;this.layout=e.createBindGroupLayout({entries:[{binding:0,visibility:s,buffer:{type:"storage"}},{binding:1,visibility:s,buffer:{type:"uniform",hasDynamicOffset:!0}}]})}device;machine;room;pipelines=new Map;module;layout;memory;weights=-1;jobs=[];inputs=[];static async open(e,t,n){let{navigator:s}=globalThis,i=await s?.gpu?.requestAdapter({powerPreference:"high-performance"});if(!i||i.info.isFallbackAdapter&&!n)return;let{maxBufferSize:o,maxStorageBufferBindingSize:a}=i.limits,u=Math.min(o,a,Sr),l={maxBufferSize:u,maxStorageBufferBindingSize:u};return new r(await i.requestDevice({requiredLimits:l}),e,t)}input(e,t){this.inputs.push([e,t])}run(e,t,n){let s=Pr[e];s?this.values(e,t,s(t,n)):e==="dense"?this.dense(t,n):this.machine.within(()=>{if(e==="tokens")this.mlp(t[0],n,t[1],t.slice(2));else if(e==="windows")this.windows(t,n);else if(e==="place")this.place(t);else if(e==="embed")this.embed(t);else if(e==="modulate")this.modulate(t,n);else throw new Error(`${e} does not run on a GPU`)})}job(e,t,n,s){n&&s&&this.jobs.push({kernel:e,numbers:t,groups:[n,s]})}groups(e,t,n){let s=Math.ceil(n/Mr);this.job(e,t,Math.ceil(n/s),s)}values(e,t,n){let s=[...t,...new Array(Ft-t.length).fill(0),n];this.groups(e,s,Math.ceil(n/xr))}dense(e,t){let n=Math.ceil(e[9]/kr);this.job("dense",[...e,t],n,Math.ceil(t/Ur))}linear(e,t,n,s,i,o,a,u=0,l=t){let c=[n,32,32*t,s,i,4*o,t,o,u];this.dense([e,4*l,...c],a)}mlp(e,t,n,s){let[i,o,a,u,l,c,h,m]=s,d=m?2*h:h,f=Math.min(t,je),b=i?this.machine.alloc(4*f*n):0,p=this.machine.alloc(4*f*d);for(let g=0;g<t;g+=je){let w=Math.min(je,t-g),y=e+4*g*n;i&&this.groups("norm",[y,b,n,i,o,w],w);let v=i?b:y;this.linear(v,n,a,u,p,d,w,m?0:Er),m&&this.values("gate",[p,h],w*h),this.linear(p,h,l,c,y,n,w,He,d)}}windows(e,t){let[n,s,i,o,a,u,l,c,h,m,d,f,b,p,g]=e,w=s*i;this.machine.within(()=>{let y=this.machine.alloc(4*w*o),v=this.machine.alloc(12*w*o);this.groups("norm",[n,y,o,h,m,w],w),this.linear(y,o,d,f,v,3*o,w);let x=[v,y,s,i,o,a,u,l,c,b,t];this.groups("attention",x,t*l),this.linear(y,o,p,g,n,o,w,He)}),this.mlp(n,w,o,e.slice(16))}place(e){let[t,n,s,i,o,a,u,l,c,h,m,d,f,b,p]=e,g=3*h*h,w=l*c,y=this.machine.alloc(4*w*g);if(this.dense([t,4*n,s,i,o,a,y,4*g,n,g,0],w),f){let v=[d,4*p,b,i,o,0,y,4*g,f,g];this.dense([...v,He],w)}this.values("place",[y,u,l,c,h,m],w*g)}embed(e){let[t,n,s,i,o,a,u,l,c]=e,h=3*i*i,m=n*s,d=this.machine.alloc(4*m*h);this.values("patches",[d,t,n,s,i],m*h),this.linear(d,h,o,a,u,l,m,c)}modulate(e,t){let[n,s,i,o,a,u,l,c]=e,h=l*l*c,m=t*u,d=this.machine.alloc(8*m*h);this.linear(n,s,i,o,d,2*h,m),this.values("modulate",[d,a,u,l,c],m*h)}async result(e,t,n){let{device:s,jobs:i,inputs:o}=this;[this.jobs,this.inputs]=[[],[]];let a=["validation","out-of-memory","internal"];for(let m of a)s.pushErrorScope(m);let u=this.submit(i,o,e,t,n),c=(await Promise.all(a.map(()=>s.popErrorScope()))).find(m=>m!==null);if(c)throw new Error(c.message);await u.mapAsync(GPUMapMode.READ);let h=new Uint8Array(u.getMappedRange()).slice(0,t);return u.destroy(),h}submit(e,t,n,s,i){let{device:o,machine:a}=this,{queue:u}=o,l=a.size;if(!this.memory||this.memory.size<l){if(l>this.room)throw new Error(`the GPU has no buffer of ${l} bytes`);this.memory?.destroy();let v=GPUBufferUsage.STORAGE|GPUBufferUsage.COPY_DST|GPUBufferUsage.COPY_SRC;this.memory=o.createBuffer({size:l,usage:v}),this.weights=-1}let{memory:c}=this,h=(v,x)=>{u.writeBuffer(c,v,a.u8(v,x))};this.weights!==i.version&&h(0,i.bytes),this.weights=i.version;for(let[v,x]of t)h(v,x);let m=o.createBuffer({size:fe*e.length,usage:GPUBufferUsage.UNIFORM|GPUBufferUsage.COPY_DST}),d=new Int32Array(fe/4*e.length);e.forEach((v,x)=>{d.set(v.numbers,fe/4*x)}),u.writeBuffer(m,0,d);let f=o.createBindGroup({layout:this.layout,entries:[{binding:0,resource:{buffer:c}},{binding:1,resource:{buffer:m,size:4*(Ft+1)}}]}),b=o.createCommandEncoder(),p=b.beginComputePass();e.forEach(({kernel:v,groups:x},M)=>{p.setPipeline(this.pipeline(v)),p.setBindGroup(0,f,[fe*M]),p.dispatchWorkgroups(...x)}),p.end();let g=Math.ceil(s/4)*4,w=GPUBufferUsage.COPY_DST|GPUBufferUsage.MAP_READ,y=o.createBuffer({size:g,usage:w});return b.copyBufferToBuffer(c,n,y,0,g),u.submit([b.finish()]),m.destroy(),y}pipeline(e){let t=this.pipelines.get(e);if(!t){let n=this.device.createPipelineLayout({bindGroupLayouts:[this.layout]}),s={module:this.module,entryPoint:e};t=this.device.createComputePipeline({layout:n,compute:s}),this.pipelines.set(e,t)}return t}};var be=class{constructor(e,t){this.machine=e;this.model=t}machine;model;version=0;setting=-1;realism=0;second;byRealism=[];bySetting=[];use(e,t,n){if(t!==this.realism){this.realism=t,this.second=n;for(let s of this.byRealism)s()}else if(e===this.setting)return;this.setting=e,this.version++;for(let s of this.bySetting)s()}row(e,t){let n=this.machine.alloc(4*e().shape[1]);return this.bySetting.push(()=>{let s=t(he(e(),this.setting));this.machine.f32(n,s.length).set(s)}),n}values(e){let t=this.model.tensor(`tcae.decoder.${e}`).values,n=this.realism?this.second?.get(e)?.values:void 0;return n?Float32Array.from(t,(s,i)=>s+this.realism*(n[i]-s)):t}shape(e){return this.model.tensor(`tcae.decoder.${e}`).shape}now(e){e(),this.byRealism.push(e)}linear(e,{gain:t=1,divide:n=1}={}){let{machine:s}=this,[i,o]=this.shape(`${e}.weight`),a=Math.ceil(i/8),u=s.zeros(32*a*o),l=s.zeros(32*a);return this.now(()=>{let c=this.values(`${e}.weight`),h=s.f32(u,8*a*o);for(let d=0;d<i;d++){let f=(d>>3)*8*o+(d&7);for(let b=0;b<o;b++){let p=typeof n=="number"?n:n[b];h[f+8*b]=c[d*o+b]*t/p}}let m=this.values(`${e}.bias`);s.f32(l,i).forEach((d,f,b)=>b[f]=m[f]*t)}),{weights:u,bias:l,inputs:o,outputs:i}}near(e){let{machine:t}=this,[n,,s]=this.shape(`${e}.weight`),i=s*s,o=t.alloc(4*i*n),a=t.alloc(4*n);return this.now(()=>{let u=this.values(`${e}.weight`),l=t.f32(o,i*n);for(let c=0;c<n;c++)for(let h=0;h<i;h++)l[h*n+c]=u[c*i+h]+ +(h===i>>1);t.f32(a,n).set(this.values(`${e}.bias`))}),[n,s,o,a]}norm(e){let t=this.shape(`${e}.table`),n=t[1]/2,s=this.row(()=>({values:Float32Array.from(this.values(`${e}.table`)),shape:t}),i=>i.map((o,a)=>a<n?o+1:o));return{scale:s,shift:s+4*n}}mlp(e,t,n){let s=this.linear(`${e}.fc1`),i=this.linear(`${e}.fc2`);return[[t?.scale??0,t?.shift??0,s.weights,s.bias,i.weights,i.bias,i.inputs,Number(n)],s.outputs]}blocks(e,t){let n=this.model.attending(t);return Array.from({length:t},(s,i)=>{let o=`${e}.${i}`,a=this.near(`${o}.dw`),u=this.norm(`${o}.norm2`),[l,c]=this.mlp(o,u,this.model.config.gated),h=n.indexOf(i),m=h<0?void 0:this.attention(o,h%2===1);return{near:a,attention:m,mlp:l,hidden:c,channels:a[0]}})}attention(e,t){let{machine:n}=this,{window:s,head_dim:i}=this.model.config,o=`${e}.attn`,a=s*s,[u,l]=this.shape(`${o}.bias`),c=n.alloc(4*u*a*a);this.now(()=>{let f=this.values(`${o}.bias`),b=n.f32(c,u*a*a);for(let p=0;p<b.length;p++){let[g,w]=[Math.floor(p/a)%a,p%a],y=Math.floor(g/s)-Math.floor(w/s)+s-1,v=g%s-w%s+s-1;b[p]=f[Math.floor(p/a/a)*l+y*(2*s-1)+v]}});let h=this.linear(`${o}.qkv`);this.now(()=>{let f=1/Math.sqrt(i),b=h.outputs/3,p=n.f32(h.bias,b);p.forEach((w,y)=>p[y]=w*f);let g=n.f32(h.weights,Math.ceil(b/8)*8*h.inputs);for(let w=0;w<g.length;w++)Math.floor(w/8/h.inputs)*8+(w&7)<b&&(g[w]*=f)});let m=this.norm(`${e}.norm1`),d=this.linear(`${o}.proj`);return{norm:m,qkv:h,places:c,proj:d,shift:t?s>>1:0}}};var re=16,D=4,We=16,Ot=64,G=64,Dt=1,Gt=2,Ke=64,ge=class{constructor(e,t){this.machine=e;this.model=t;let{config:n}=t,s=t.tensor("tcae.std").values,i=Tr(),o=new be(e,t),a=o.row(()=>t.tensor("tcae.log_step"),l=>l.map(c=>2**c/16));this.weights=o;let u=n.renderer&&{embed:o.linear("renderer.embed",{divide:Ot}),modulate:o.linear("renderer.modulate"),near:o.near("renderer.dw"),mlp:o.mlp("renderer",void 0,!0),out:o.linear("renderer.out",{gain:We}),small:o.linear("small",{gain:We})};this.net={steps:a,merge:e.put(t.tensor("tcae.shortcut.merge").values),basis:e.put(t.tensor("tcae.shortcut.basis").values),matrix:e.put(i),transposed:e.put(i.map((l,c)=>i[c%16*16+(c>>4)])),coarse1:o.linear("coarse1",{divide:s.subarray(0,t.coarse)}),coarse2:o.linear("coarse2"),fine1:o.linear("fine1",{divide:s.subarray(t.coarse)}),fine2:o.linear("fine2"),blocks2:o.blocks("blocks2",n.dec_blocks2),renderer:u,last:u?void 0:{split:o.linear("split"),embed:o.linear("embed",{divide:Ot}),blocks1:o.blocks("blocks1",n.dec_blocks1),blend:n.blend?o.near("blend.dw"):void 0,out:o.linear("out",{gain:We})}},this.end=e.alloc(0)}machine;model;weights;net;end;gpu;use(e,t,n){this.weights.use(e,t,n)}run(e,t,n,s=0,i=1){this.gpu?this.gpu.run(e,t,n):this.machine.run(e,t,n,s,i)}dense(e,t,n,s=0,i=0,o=n.inputs){let{weights:a,bias:u,inputs:l,outputs:c}=n,h=i||this.machine.alloc(4*t*c),m=[e,4*l,a,32,32*l,u,h,4*c,o,c,s];return this.run("dense",m,t,0,Ke),h}shuffle(e,t,n,s,i){if(s===1)return e;let o=this.machine.alloc(4*t*n*s*s*i);return this.run("shuffle",[e,o,n,s,i],t),o}nearby(e,t,n,s,i){this.run("near",[e,i,t,n,...s],t)}through(e,t,n,s){let{machine:i}=this,{window:o,head_dim:a}=this.model.config,u=e.length?i.alloc(4*n*s*e[0].channels):0;for(let{near:l,attention:c,mlp:h,hidden:m,channels:d}of e){if(this.nearby(t,n,s,l,u),[t,u]=[u,t],!c){let T=4*G*(d+m);this.run("tokens",[t,d,...h],n*s,T,G);continue}let{norm:f,qkv:b,places:p,proj:g,shift:w}=c,y=T=>Math.ceil((T+(w&&o-w))/o),v=o*o,x=Math.ceil(v/8)*8,M=Math.max(4*d*v+(a+v)*x,(d+m)*v),E=[t,n,s,d,o,w,d/a,y(s),f.scale,f.shift,b.weights,b.bias,p,g.weights,g.bias,0,...h],k=4*(v*d+M);this.run("windows",E,y(n)*y(s),k)}return t}place(e,t,n,s,i,o,a){let{weights:u,bias:l,inputs:c}=t,h=[e,c,u,32,32*c,l,n,i,s,o,Number(a),0,0];this.run("place",h,s,4*G*3*o*o)}embed(e,t,n,s,i,o,a){let u=[e,n,t,s,i.weights,i.bias,o,i.outputs,a];this.run("embed",u,t,4*G*3*s*s)}async picture(e,t,n,s,i){let{machine:o,net:a}=this,{h:u,w:l}=e;return this.gpu=i,o.within(()=>{let[c,h]=[32*l,32*u],m=o.alloc(12*c*h),[d,f]=this.scaled(e);this.linearPicture(e,d,f,m);let{token:b}=this.model,[p,g]=[h/b,c/b],w=a.renderer&&t>=D,y=m;w&&(y=o.alloc(12*c*h/t**2),this.run("means",[m,c,t,y,0],3*h/t)),o.within(()=>{let T=this.tokens(e,d,f);if(!w){this.correct(T,p,g,m);return}let I=a.renderer.small,R=o.alloc(12*c*h/D**2);this.place(T,I,R,p,g,b/D,!1);let L=[R,c/D,t/D,y,1];this.run("means",L,3*h/t)});let v=o.alloc(4*n.width*n.height),[x,M]=w?[1,t]:[t,1];this.run("pixels",[y,c/M,h/M,x,v,n.left,n.width,n.top,Number(s)],n.height);let E=4*n.width*n.height,k={bytes:this.end,version:this.weights.version};return i?.result(v,E,k)??o.u8(v,E).slice()})}scaled({h:e,w:t,coarse:n,fine:s}){let{machine:i,model:o,net:a}=this,u=(l,c,h,m)=>{let d=i.put(l);this.gpu?.input(d,4*l.length);let f=a.steps+4*m;return this.run("scale",[d,d,h,f],c,0,Ke),d};return[u(n,e*t,o.coarse,0),u(s,4*e*t,o.fine,o.coarse)]}linearPicture({h:e,w:t,used:n},s,i,o){let{machine:a,model:u,net:l}=this,[c,h]=[32*t,32*e],m=u.coarse,d=m/4;a.within(()=>{let p=a.alloc(4*e*t*m),g=[s,4*m,l.merge,4*m,32,0,p,4*m,m,m,0];this.run("dense",g,e*t,0,Ke);let w=this.shuffle(p,e,t,2,d),y=3*re*re*4,v=[w,d,l.basis,y,32,0,o,2*t,2*e,re,0,i,n,l.basis+d*y,u.fine];this.run("place",v,2*e,G*y)}),this.run("lapColumns",[o,c,l.matrix],3*h,4*c);let f=h/re-1,b=[o,c,l.transposed,f,h];this.run("lapRows",b,3*f,64*c)}tokens({h:e,w:t,used:n},s,i){let{net:o,model:a}=this,u=this.dense(s,e*t,o.coarse1,Gt),l=this.dense(u,e*t,o.coarse2),c=this.shuffle(l,e,t,2,o.fine1.outputs);this.dense(i,4*e*t,o.fine1,Dt|Gt,c,n);let h=this.dense(c,4*e*t,o.fine2),m=re/a.token,d=this.shuffle(h,2*e,2*t,m,a.config.dim2);return this.through(o.blocks2,d,2*e*m,2*t*m)}correct(e,t,n,s){let{machine:i,net:o}=this,{config:a,token:u}=this.model;if(o.renderer){let{embed:y,modulate:v,near:x,mlp:M,out:E}=o.renderer,k=u/D,T=t*n*k*k,I=y.outputs,R=i.alloc(4*T*I);this.embed(s,k*t,k*n,D,y,R,0);let L=[e,v.inputs,v.weights,v.bias,R,n,k,I];this.run("modulate",L,t,4*G*v.outputs);let z=i.alloc(4*T*I);this.nearby(R,k*t,k*n,x,z);let F=4*G*M[1];this.run("tokens",[z,I,...M[0]],T,F,G),this.place(z,E,s,k*t,k*n,D,!0);return}let{split:l,embed:c,blocks1:h,blend:m,out:d}=o.last,f=a.staged?2:1,b=this.dense(e,t*n,l),p=this.shuffle(b,t,n,f,a.dim1),[g,w]=[f*t,f*n];if(this.embed(s,g,w,a.patch,c,p,Dt),p=this.through(h,p,g,w),m){let y=i.alloc(4*g*w*a.dim1);this.nearby(p,g,w,m,y),p=y}this.place(p,d,s,g,w,a.patch,!0)}};function Tr(){let r=(n,s)=>.5*Math.cos(Math.PI*(2*s+1)*n/16)*(n?1:Math.SQRT1_2),e=(n,s)=>.5*Math.cos(Math.PI*(2*s+1)*(2*n+1)/32),t=(n,s)=>{let i=0;for(let o=0;o<8;o++)i+=r(o,7-n)*e(o,7-s);return i};return Float32Array.from({length:256},(n,s)=>{let[i,o]=[s>>4,s&15],[a,u]=[i&7,o&7],l=+(a===u),c=+(a+u===7);return i<8?(o<8?l+t(7-a,7-u):c-t(7-a,u))/2:(o<8?c-t(a,7-u):l+t(a,u))/2})}var jt=6<<20,Ir=100,we=class{constructor(e,t){this.machine=e;this.model=t;this.synthesis=new ge(e,t)}machine;model;synthesis;gpus=new Map;async gpu(e){if(e==="cpu")return;let t=e==="gpu",n=this.gpus.get(t)??this.open(t).catch(()=>{});this.gpus.set(t,n);let s=await n;if(t&&!s)throw new U("BadOption","no GPU can be used here");return s}most(e){return e?Math.min(jt,e.room/Ir):jt}async picture(e,t,n,s,i,o){let{synthesis:a}=this;if(a.use(e.setting,e.realism,e.second),o){try{return await a.picture(t,n,s,i,o)}catch{for(let u of this.gpus.keys())this.gpus.set(u,Promise.resolve(void 0))}a.use(e.setting,e.realism,e.second)}return a.picture(t,n,s,i,void 0)}async open(e){let t=await pe.open(this.machine,this.model.config.head_dim,e);if(!t)return;let[n,s]=[2,3],i=m=>Int32Array.from({length:m},(d,f)=>f*7919%97-48),{coarse:o,fine:a}=this.model,u={h:n,w:s,coarse:i(n*s*o),fine:i(4*n*s*a),used:a},l={left:0,top:0,width:32*s,height:32*n};this.synthesis.use(500,0);let c=await this.synthesis.picture(u,1,l,!1,t);this.synthesis.use(500,0);let h=await this.synthesis.picture(u,1,l,!1,void 0);return c.every((m,d)=>Math.abs(m-h[d])<=1)?t:void 0}};function ye([r,e],t){return[Math.floor(r/t),Math.ceil(e/t)]}function Ht(r,e,{config:t,attending:n}){let s=t.dw_kernel>>1,i=n(e),[o,a]=r;for(let u=e-1;u>=0;u--){let l=i.indexOf(u);if(l>=0){let c=l%2?t.window>>1:0;o=Math.floor((o-c)/t.window)*t.window+c,a=Math.ceil((a-c)/t.window)*t.window+c}o-=s,a+=s}return[o,a]}function Wt(r,e){return e?Wt(e,r%e):r}function Ve({config:r,token:e}){let t=r.window*e;return r.dec_attention?t/Wt(32,t):1}function se(r,e,t){let{config:n,token:s}=t,i={config:n,attending:g=>t.attending(g)},o=n.renderer?4:n.patch,a=(n.renderer?n.dw_kernel:n.blend)>>1,[u,l]=ye(r,o),c=Ht([u-a,l+a],n.dec_blocks1,i),[h,m]=ye([c[0]*o-8,c[1]*o+8],32),d=Ht(ye(c,s/o),n.dec_blocks2,i),f=ye(d,32/s),b=Ve(t),p=Math.floor(Math.min(h,f[0])/b)*b;return[Math.max(0,p),Math.min(Math.ceil(e/32),Math.max(m,f[1]))]}var P=ce/32,ve=class{constructor(e,t,n){this.model=t;this.decodeImage=n;this.entropy=new me(e,t),this.painter=new we(e,t)}model;decodeImage;entropy;painter;second;async decode(e,t={}){let n=$e(e,t.limits),{realism:s=0,onProgress:i}=t;this.checkModel(n);let o=Rr(t.scale??1),a=await this.realistic(s),u=$r(Br(t.region,n),o),l=u.right-u.left,c=u.bottom-u.top;Ct(n.bodies);let h=await this.plane(n,"alpha",o,u),m=await this.plane(n,"exact",o,u),d=await Rt(n,this.decodeImage),f=_r(4*l*c,n);if(m)for(let p=0;p<l*c;p++){for(let g=0;g<3;g++)f[4*p+g]=m[3*p+g];f[4*p+3]=255}else{if(!d||d.mask.includes(!1)){let p={setting:n.setting,realism:s,second:a};await this.paint(n,u,o,f,p,t)}d&&Lr(d,n,u,o,f)}if(h)for(let p=0;p<h.length;p++)f[4*p+3]=h[p];i?.(1);let{icc:b}=n.bodies;return{width:l,height:c,data:f,grey:n.grey,...b&&{icc:b.slice()}}}latents(e){let t=$e(e);this.checkModel(t);let{groups:n,coarse:s}=this.model.config,{sizes:i}=this.model,[o,a]=[Math.ceil(t.width/32),Math.ceil(t.height/32)],u=Math.max(...t.tiles.map(m=>32-Math.clz32(this.entropy.present(m)[0]))),l=n.slice(0,u).reduce((m,d)=>m+d,0),c=new Int32Array(a*o*l),h=this.tiles(t,n.length);for(let m=0;m<a;m++)for(let d=0;d<o;d++){let f=h(Math.floor(d/P),Math.floor(m/P)),[b,p]=[m%P,d%P],g=(m*o+d)*l,[w,y]=[0,0];for(let v=0;v<u;v++){let x=i[v];if(v<s){let M=(b*f.w+p)*this.model.coarse+w;c.set(f.coarse.subarray(M,M+x),g),g+=x,w+=x;continue}for(let M=0;M<4;M++){let k=((2*b+(M>>1))*2*f.w+2*p+(M&1))*this.model.fine+y;c.set(f.fine.subarray(k,k+x),g),g+=x}y+=x}}return c}checkModel(e){if(!this.model.id.startsWith(e.modelId))throw new U("UnknownModel",`the file was made with model ${e.modelId}, not with ${this.model.id.slice(0,10)}`)}async realistic(e){if(!(e>=0&&e<=1))throw new U("BadOption",`realism must be from 0 to 1, not ${e}`);if(e){if(!this.model.realism)throw new U("BadOption","the model has no decoder for realism; only realism 0 works");this.second??=this.model.realism();try{return await this.second}catch(t){throw this.second=void 0,t}}}async plane(e,t,n,s){let i=await It(e,t,this.decodeImage);if(!i)return;let o=t==="alpha"?1:3,a=De(i,e.width,e.height,o,n),u=Math.ceil(e.width/n)*o,l=(s.right-s.left)*o,c=new Uint8Array(l*(s.bottom-s.top));for(let h=s.top;h<s.bottom;h++){let m=h*u+s.left*o;c.set(a.subarray(m,m+l),(h-s.top)*l)}return c}tiles(e,t){let[n,s]=[Math.ceil(e.width/32),Math.ceil(e.height/32)],i=Math.ceil(n/P),o=new Map;return(a,u)=>{let l=u*i+a,c=o.get(l);if(!c){for(let d of o.keys())d<(u-2)*i&&o.delete(d);let h=[Math.min(P,s-u*P),Math.min(P,n-a*P)],m=e.tiles[l];c={...this.entropy.decode(m,e.setting,...h,t),w:h[1]},o.set(l,c)}return c}}async paint(e,t,n,s,i,{device:o,onProgress:a}){let{painter:u}=this,l=await u.gpu(o),c=St(this.model,e.setting,n),h=this.tiles(e,c),{sizes:m,config:d}=this.model,f=Math.min(c,Math.max(...e.tiles.map(w=>32-Math.clz32(this.entropy.present(w)[0])))),b=m.slice(d.coarse,f).reduce((w,y)=>w+y,0),p=4*(t.right-t.left),g=this.parts(e,t,n,u.most(l));for(let[w,y]of g.entries()){let v=se([y.left*n,y.right*n],e.width,this.model),x=se([y.top*n,y.bottom*n],e.height,this.model),M=this.gathered(h,v,x),E={left:y.left-32*v[0]/n,top:y.top-32*x[0]/n,width:y.right-y.left,height:y.bottom-y.top},k={...M,used:b},T=await u.picture(i,k,n,E,e.grey,l);for(let I=0;I<E.height;I++){let R=T.subarray(4*I*E.width,4*(I+1)*E.width);s.set(R,(y.top-t.top+I)*p+4*(y.left-t.left))}a?.((w+1)/g.length)}}parts(e,t,n,s){let i=32*Ve(this.model),o=(p,g,w)=>{let[y,v]=se([p*n,g*n],w,this.model);return 32*(v-y)},a=(p,g,w)=>{let y=[];for(let v=p;v<g;v=y.at(-1)[1]){let x=(Math.floor(v*n/i)*i+w)/n;y.push([v,Math.min(g,x)])}return y},u=o(t.left,t.right,e.width),l=o(t.top,t.bottom,e.height),[c,h]=se([16384,16384+i],65536,this.model),m=32*(h-c)-i,d=p=>Math.max(i,Math.floor(p/i)*i),f=[[t.left,t.right]],b=[[t.top,t.bottom]];if(u*l>s){let p=s/u-m;if(p>=m)b=a(t.top,t.bottom,d(p));else{let g=d(Math.sqrt(s)-m);b=a(t.top,t.bottom,g),f=a(t.left,t.right,g)}}return b.flatMap(([p,g])=>f.map(([w,y])=>({left:w,top:p,right:y,bottom:g})))}gathered(e,t,n){let[s,i]=[n[1]-n[0],t[1]-t[0]],{coarse:o,fine:a}=this.model,u=new Int32Array(s*i*o),l=new Int32Array(4*s*i*a);for(let c=Math.floor(n[0]/P);c*P<n[1];c++)for(let h=Math.floor(t[0]/P);h*P<t[1];h++){let m=e(h,c),d=Math.max(t[0],h*P),f=Math.min(t[1],(h+1)*P),b=(w,y,v,x,M)=>{let E=((x-M*c*P)*M*m.w+M*(d-h*P))*v,k=w.subarray(E,E+M*(f-d)*v);y.set(k,((x-M*n[0])*M*i+M*(d-t[0]))*v)},p=Math.max(n[0],c*P),g=Math.min(n[1],(c+1)*P);for(let w=p;w<g;w++)b(m.coarse,u,o,w,1);for(let w=2*p;w<2*g;w++)b(m.fine,l,a,w,2)}return{h:s,w:i,coarse:u,fine:l}}};function _r(r,{width:e,height:t}){try{return new Uint8ClampedArray(r)}catch{throw new U("LimitExceeded",`not enough memory for a picture of ${e} x ${t} pixels`)}}function Rr(r){for(let e of[1,2,4,8])if(r===1/e)return e;throw new U("BadOption",`a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not ${r}`)}function Br(r,{width:e,height:t}){if(!r)return[0,0,e,t];let[n,s,i,o]=r;if(!r.every(u=>Number.isInteger(u))||n<0||s<0||i<1||o<1||n+i>e||s+o>t)throw new U("BadOption",`the region ${r.join()} is not inside the picture of ${e} x ${t} pixels`);return r}function $r([r,e,t,n],s){return{left:Math.floor(r/s),top:Math.floor(e/s),right:Math.ceil((r+t)/s),bottom:Math.ceil((e+n)/s)}}function Lr({columns:r,mask:e,samples:t},n,s,i,o){let a=De(t,n.width,n.height,3,i),u=Math.ceil(n.width/i),l=de/i,c=0;for(let h=s.top;h<s.bottom;h++)for(let m=s.left;m<s.right;m++,c+=4){if(!e[Math.floor(h/l)*r+Math.floor(m/l)])continue;let d=3*(h*u+m);for(let f=0;f<3;f++)o[c+f]=a[d+f];o[c+3]=255}}var Jt=["context","dense","embed","lapColumns","lapRows","means","modulate","near","pixels","place","scale","shuffle","tokens","windows"];var[Kt,Qt,Ae,Zt,en,tn,nn,rn,Vt]=[0,1,2,3,4,5,6,7,8],xe=1088,zr=4096,qt=2e3;function Yt(r){return new Int32Array(r.buffer,1024,16)}function Xt(r,e,t){let n=r[Jt[e[Zt]]],s=e[en],i=e[tn],o=e[nn]+t*e[rn];for(;;){let a=Atomics.add(e,Qt,i);if(a>=s)return;n(xe,a,Math.min(a+i,s),o)}}function Cr(r){for(let e=65536;;e/=2)try{return new WebAssembly.Memory({initial:64,maximum:e,shared:r})}catch(t){if(e<=8192)throw t}}async function Nr({memory:r,module:e}){let t={memory:r};return(await WebAssembly.instantiate(e,{env:t})).exports}var Me=class r{constructor(e,t,n){this.kernels=e;this.memory=t;this.helpers=n;this.block=Yt(t)}kernels;memory;helpers;block;top=zr;static async start(e,t,n){let s=t>1,i=Cr(s),o=await Nr({memory:i,module:e});return s&&await n({memory:i,module:e},t),new r(o,i,t-1)}alloc(e){let t=this.top;this.top=Math.ceil((t+e)/64)*64;let n=this.top+1024-this.memory.buffer.byteLength;return n>0&&(this.memory.grow(Math.max(Math.ceil(n/65536),64)),this.block=Yt(this.memory)),t}get size(){return this.memory.buffer.byteLength}within(e){let t=this.top;try{return e()}finally{this.top=t}}f32(e,t){return new Float32Array(this.memory.buffer,e,t)}i32(e,t){return new Int32Array(this.memory.buffer,e,t)}i16(e,t){return new Int16Array(this.memory.buffer,e,t)}u8(e,t){return new Uint8Array(this.memory.buffer,e,t)}put(e,t=e.length){let n=e.BYTES_PER_ELEMENT,s=this.alloc(n*t);return this.u8(s,n*t).fill(0),this.u8(s,n*e.length).set(new Uint8Array(e.buffer,e.byteOffset,e.byteLength)),s}zeros(e){let t=this.alloc(e);return this.u8(t,e).fill(0),t}run(e,t,n,s=0,i=1){n<1||this.within(()=>{let o=s+1023&-1024,a=o?this.alloc(o*(this.helpers+1)):0;this.i32(xe,t.length).set(t);let{block:u}=this;if(u[Zt]=Jt.indexOf(e),u[en]=n,u[tn]=i,u[nn]=a,u[rn]=o,Atomics.store(u,Qt,0),!this.helpers||n<=i){Xt(this.kernels,u,0);return}Atomics.store(u,Ae,this.helpers),Atomics.add(u,Kt,1),Atomics.notify(u,Kt);try{Xt(this.kernels,u,0)}finally{for(let l;l=Atomics.load(u,Ae);){let c=0;for(;c<qt&&Atomics.load(u,Ae)===l;)c++;c===qt&&Atomics.wait(u,Ae,l)}Atomics.load(u,Vt)&&(this.helpers=0)}if(Atomics.exchange(u,Vt,0))throw new Error("a thread of the decoder has failed")})}points(e){this.i32(xe,e.length).set(e),this.kernels.points(xe)}};var Fr="tccodec-models",sn=4096;async function Or(r){let e;try{e=await fetch(r)}catch{throw new U("UnreadableFile",`${r} cannot be reached`)}if(!e.ok)throw new U("UnreadableFile",`${r}: status ${e.status}`);try{return await qe(e)}catch{throw new U("UnreadableFile",`${r}: the connection broke`)}}async function qe(r){return new Uint8Array(await r.arrayBuffer())}async function an(){try{return await caches.open(Fr)}catch{return}}async function Xe(r,e,t){let n=t?await an():void 0,s=e?Ye(r,e):r,i=await n?.match(s);if(i&&e)return qe(i);try{let o=await Or(s);return await n?.put(s,new Response(o)).catch(()=>{}),o}catch(o){if(i)return qe(i);throw o}}function Ye(r,e){return`${r}?id=${e}`}async function cn(r,e){let t=await an();for(let{url:n}of await t?.keys()??[])new URL(".",n).href===r&&e(n)&&await t?.delete(n)}async function on(r,e,t){try{return await t()}catch(n){if(!(n instanceof U)||n.kind!=="BadModel")throw n;return await cn(r,s=>s.startsWith(`${r}${e}`)),t()}}async function Dr(r,e){let t=(u,l="")=>Xe(`${r}${u}`,l,e),n=await on(r,ue,()=>yt(t)),{id:s,config:i,tensors:o,realism:a}=n;return new ee(s,i,o,a&&(()=>on(r,le,a)))}async function Gr({threads:r,base:e,keep:t}){let n=async s=>{let i=`kernels${r>1?"-shared":""}${s}.wasm`;return WebAssembly.compile(await Xe(new URL(i,e).href,"",t))};try{return await n("-fused")}catch(s){if(!(s instanceof WebAssembly.CompileError))throw s;return n("")}}async function jr(r,e,t,n){let s=new Blob([r.slice()],{type:n}),i=await createImageBitmap(s,{colorSpaceConversion:"none",premultiplyAlpha:"none"}),[o,a]=[Math.min(e,sn),Math.min(t,sn)],u=new OffscreenCanvas(o,a).getContext("2d"),l=new Uint8Array(4*e*t);for(let c=0;c<t;c+=a)for(let h=0;h<e;h+=o){let[m,d]=[Math.min(o,e-h),Math.min(a,t-c)];u.drawImage(i,-h,-c);let{data:f}=u.getImageData(0,0,m,d);for(let b=0;b<d;b++){let p=f.subarray(4*b*m,4*(b+1)*m);l.set(p,4*((c+b)*e+h))}}return i.close(),l}var Ue=class{constructor(e,t){this.settings=e;this.enlist=t}settings;enlist;found=new Map;get(e){let t=this.found.get(e);return t||(t=this.load(e),this.found.set(e,t),t.catch(()=>this.found.delete(e))),t}async load(e){let t=[];for(let n of this.settings.models)try{let s=await this.loadFrom(n,e);if(s)return s}catch(s){let i=s instanceof U&&s.kind==="BadModel";t.push(i?new U(s.kind,`${n}: ${s.message}`):s)}throw t.length?t[0]:new U("UnknownModel",`the file was made with model ${e}, which is not here`)}async loadFrom(e,t){let{threads:n,keep:s}=this.settings,i=await Xe(`${e}config.json`,"",s),{model_id:o,realism:a}=Le(i);if(!o.startsWith(t))return;if(s){let l=[Ye(`${e}${ue}`,o),...a?[Ye(`${e}${le}`,a.id)]:[]];await cn(e,c=>c.includes("?id=")&&!l.includes(c))}let u=Dr(e,s);try{return await this.start(u,n)}catch(l){if(n<2||l instanceof U)throw l;return this.start(u,1)}}async start(e,t){let n=Gr({...this.settings,threads:t}),[s,i]=await Promise.all([n,e]),o;try{let a=await Me.start(s,t,async(...u)=>{o=await this.enlist(...u)});return new ve(a,i,jr)}catch(a){throw o?.(),a}}};var Hr=[137,80,78,71,13,10,26,10],Je=65535,Wr=1;function oe(r){return Uint8Array.of(r>>>24,r>>>16,r>>>8,r)}function ke(r,e){let t=Uint8Array.from(r,n=>n.charCodeAt(0));return[oe(e.length),t,e,oe(V(t,e))]}function Kr({data:r,grey:e,icc:t}){let n=!0;for(let o=3;o<r.length&&n;o+=4)n=r[o]===255;let s=t&&String.fromCharCode(...t.subarray(16,20));return e&&s!=="RGB "?n?{samples:[0],colour:0}:{samples:[0,3],colour:4}:n?{samples:[0,1,2],colour:2}:{samples:[0,1,2,3],colour:6}}async function hn(r,e=!1){let{width:t,height:n,data:s,icc:i}=r,{samples:o,colour:a}=Kr(r),u=o.length,l=new Uint8Array(n*(1+t*u)),c=0;for(let d=0;d<n;d++){l[c++]=e?Wr:0;for(let f=0;f<t;f++){let b=4*(d*t+f);for(let p of o){let g=e&&f?s[b-4+p]:0;l[c++]=s[b+p]-g}}}let h=Uint8Array.of(...oe(t),...oe(n),8,a,0,0,0),m=i&&[...ke("iCCP",await un([Uint8Array.from("ICC Profile\0\0",d=>d.charCodeAt(0)),await ln(i)]))];return new Blob([Uint8Array.from(Hr),...ke("IHDR",h),...m??[],...ke("IDAT",e?await ln(l):await un(Vr(l))),...ke("IEND",new Uint8Array(0))],{type:"image/png"})}async function un(r){return new Uint8Array(await new Blob(r).arrayBuffer())}async function ln(r){let e=new Blob([r]).stream().pipeThrough(new CompressionStream("deflate"));return new Uint8Array(await new Response(e).arrayBuffer())}function Vr(r){let e=[Uint8Array.of(120,1)];for(let t=0;t<r.length;t+=Je){let n=r.subarray(t,t+Je),s=+(t+Je>=r.length),i=n.length;e.push(Uint8Array.of(s,i,i>>8,~i,~i>>8),n)}return[...e,oe(_e(r))]}function mn(){let r=Promise.resolve();return e=>{let t=r.then(e);return r=t.catch(()=>{}),t}}var Qe={page:"tccodec-page",pictures:"tccodec-pictures"},N=new URL(self.location.href).searchParams,qr=Math.max(0,Math.floor(Number(N.get("offline"))))||500,dn=N.get("base")??new URL(".",self.location.href).href,fn=N.getAll("model"),Yr=new Ue({models:(fn.length?fn:["models/tcae-s/"]).map(r=>new URL(r,dn).href),base:dn,keep:!0,threads:1},()=>Promise.reject(new Error("a service worker has no helpers"))),Xr=mn();self.addEventListener("install",()=>{self.skipWaiting()});for(let r of["activate","message"])self.addEventListener(r,e=>{e.waitUntil(self.clients.claim())});self.addEventListener("fetch",r=>{let{request:e}=r,{origin:t}=new URL(e.url);if(e.method!=="GET")return;let n=t===self.location.origin;if(e.mode==="navigate"&&N.has("offline")&&r.waitUntil(Zr()),e.destination==="image"&&pn(e)){let s=async()=>!e.signal.aborted&&!!await self.clients.get(r.clientId);r.respondWith(Jr(e,n,s))}else n&&(N.has("isolate")||N.has("offline"))&&r.respondWith(Qr(e))});function pn({url:r}){return new URL(r).pathname.toLowerCase().endsWith(".tcz")}async function Jr(r,e,t){let n=await(e&&N.has("offline")?gn(r):fetch(r));if(!n.ok||n.type==="opaque")return n;try{let s=new Uint8Array(await n.arrayBuffer()),i=await Yr.get(Be(s).modelId),o=await Xr(async()=>await t()?hn(await i.decode(s)):void 0);return o?new Response(o,{headers:{"content-type":"image/png"}}):Response.error()}catch(s){let i=s instanceof U?s.message:String(s);return console.error(`${r.url}: ${i}`),new Response(i,{status:415,headers:{"content-type":"text/plain"}})}}async function Qr(r){let e=await(N.has("offline")?gn(r):fetch(r));if(!N.has("isolate")||e.status===0)return e;let t=new Headers(e.headers);return t.set("cross-origin-opener-policy","same-origin"),t.set("cross-origin-embedder-policy","require-corp"),new Response(e.body,{status:e.status,headers:t})}var bn=new Set;async function Zr(){let r=bn=new Set;for(let e of Object.values(Qe)){let t=await caches.open(e),n=(await t.keys()).slice(0,-qr);for(let s of n)r.has(s.url)||await t.delete(s)}}async function gn(r){let e=r.destination==="image"||pn(r),t=await caches.open(e?Qe.pictures:Qe.page);try{let n=await fetch(r);return n.status===200&&!r.url.includes(".safetensors")&&(bn.add(r.url),await t.put(r,n.clone()).catch(()=>{})),n}catch(n){let s=await t.match(r,{ignoreVary:!0});if(s)return s;throw n}}})();
